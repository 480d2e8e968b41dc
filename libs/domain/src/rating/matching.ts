import type { SavedRate } from '../events';

/** What a rate is compared with. */
export interface Matchable {
  readonly serviceType: string;
  readonly model: string | null;
  readonly resourceType: string | null;
  readonly dimensions: Readonly<Record<string, string>> | null;
}

/** The conditions of a rate as pairs; a usage matches where it fulfils all of them. */
const conditionsOf = (rate: SavedRate): readonly (readonly [name: string, value: string])[] => [
  ...(rate.model === undefined ? [] : [['model', rate.model] as const]),
  ...(rate.resource_type === undefined ? [] : [['resource_type', rate.resource_type] as const]),
  ...Object.entries(rate.dimensions ?? {}).map(([name, value]) => [`dimension ${name}`, value] as const),
];

/** How specific a rate is: the number of its conditions beside the service type. The most specific match wins. */
export const specificity = (rate: SavedRate): number => conditionsOf(rate).length;

export const matches = (rate: SavedRate, usage: Matchable): boolean =>
  rate.service_type === usage.serviceType &&
  (rate.model === undefined || rate.model === usage.model) &&
  (rate.resource_type === undefined || rate.resource_type === usage.resourceType) &&
  Object.entries(rate.dimensions ?? {}).every(([name, value]) => usage.dimensions?.[name] === value);

/** The conditions of a rate by the numbers of their names, ascending, with the numbers of their values. */
interface Numbered {
  readonly names: readonly number[];
  readonly values: readonly number[];
}

/**
 * Names and values as numbers, because each rate is compared with every other one: half a million pairs of 32 conditions,
 * looked up by name, would block the process for ten seconds. The names with the most values come first: they tell two
 * rates apart soonest.
 */
const numbered = (rates: readonly SavedRate[]): readonly Numbered[] => {
  const conditions = rates.map(conditionsOf);
  const valuesOf = new Map<string, Map<string, number>>();
  for (const [name, value] of conditions.flat()) {
    const values = valuesOf.get(name) ?? new Map<string, number>();
    valuesOf.set(name, values);
    if (!values.has(value)) values.set(value, values.size);
  }
  const names = [...valuesOf].sort(([, a], [, b]) => b.size - a.size).map(([name], place) => [name, place] as const);
  const placeOf = new Map(names);
  return conditions.map((of) => {
    const pairs = of.map(([name, value]) => [placeOf.get(name) ?? 0, valuesOf.get(name)?.get(value) ?? 0] as const);
    pairs.sort(([a], [b]) => a - b);
    return { names: pairs.map(([name]) => name), values: pairs.map(([, value]) => value) };
  });
};

/** Whether no name that both have has another value in each. */
const canBothMatch = (a: Numbered, b: Numbered): boolean => {
  const [own, others] = [a.names, b.names];
  for (let i = 0, j = 0; i < own.length && j < others.length;) {
    const ahead = (own[i] ?? 0) - (others[j] ?? 0);
    if (ahead === 0 && a.values[i] !== b.values[j]) return false;
    if (ahead <= 0) i++;
    if (ahead >= 0) j++;
  }
  return true;
};

/** Pairs of rates, by index, of which one usage could match both and neither is more specific. */
export const ambiguities = function* (rates: readonly SavedRate[]): Generator<[number, number], void> {
  const conditions = numbered(rates);
  const groups = new Map<string, [number, Numbered][]>();
  for (const [index, own] of conditions.entries()) {
    const key = `${rates[index]?.service_type ?? ''}\n${String(own.names.length)}`;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    for (const [other, before] of group) if (canBothMatch(before, own)) yield [other, index];
    group.push([index, own]);
  }
};
