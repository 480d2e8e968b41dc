import type { SavedRate } from '../events';

/** What a rate is compared with. */
export interface Matchable {
  readonly serviceType: string;
  readonly model: string | null;
  readonly resourceType: string | null;
  readonly dimensions: Readonly<Record<string, string>> | null;
}

/** The conditions of a rate as pairs; a usage matches where it fulfils all of them. */
const conditionsOf = (rate: SavedRate): ReadonlyMap<string, string> => {
  const conditions = new Map<string, string>();
  if (rate.model !== undefined) conditions.set('model', rate.model);
  if (rate.resource_type !== undefined) conditions.set('resource_type', rate.resource_type);
  for (const [name, value] of Object.entries(rate.dimensions ?? {})) conditions.set(`dimension ${name}`, value);
  return conditions;
};

/** How specific a rate is: the number of its conditions beside the service type. The most specific match wins. */
export const specificity = (rate: SavedRate): number => conditionsOf(rate).size;

export const matches = (rate: SavedRate, usage: Matchable): boolean =>
  rate.service_type === usage.serviceType &&
  (rate.model === undefined || rate.model === usage.model) &&
  (rate.resource_type === undefined || rate.resource_type === usage.resourceType) &&
  Object.entries(rate.dimensions ?? {}).every(([name, value]) => usage.dimensions?.[name] === value);

const canBothMatch = (a: SavedRate, b: SavedRate): boolean => {
  const conditions = conditionsOf(a);
  for (const [name, value] of conditionsOf(b)) {
    const other = conditions.get(name);
    if (other !== undefined && other !== value) return false;
  }
  return true;
};

/** Pairs of rates, by index, of which one usage could match both and neither is more specific. */
export const ambiguities = (rates: readonly SavedRate[]): [number, number][] => {
  const pairs: [number, number][] = [];
  const groups = new Map<string, number[]>();
  for (const [index, rate] of rates.entries()) {
    const key = `${rate.service_type}\n${String(specificity(rate))}`;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    for (const other of group) {
      const before = rates[other];
      if (before !== undefined && canBothMatch(before, rate)) pairs.push([other, index]);
    }
    group.push(index);
  }
  return pairs;
};
