import { DAY_MICROS, formatDecimal, HOUR_MICROS, type Instant, shift, storedSum } from '@drawdown/kernel';
import { asOfAll } from '../as-of-all';
import { breakdownOf, BUCKETS_MAX } from '../breakdown/queries';
import { type Answer, AnswerTooLarge, type Breakdown, type ReadModels, type Spending } from '../read-models';
import type { PersonKey, PersonModels, PersonQuery, PersonReading } from './person';

/** Sums over several organizations: each is asked by itself, so that they are as exact as its own, and then added up. */
export const personSums = ({
  breakdown,
  spending,
}: Pick<ReadModels, 'breakdown' | 'spending'>): Pick<PersonModels, 'personBreakdown' | 'personSpending'> => ({
  personBreakdown: async (readings, { by, now, ...query }) => {
    const sums = new Map<string | null, { credits: bigint; transactions: number }>();
    const answers: Answer<unknown>[] = [];
    for (const reading of readings) {
      const own = await breakdown(reading, { ...query, by: by === 'service_type' ? by : 'wallet' });
      answers.push(own);
      for (const { key, credits, transactions } of own.value.data)
        addTo(sums, keyOf(by, key, reading), credits, transactions);
    }
    const rows = [...sums].map(([key, { credits, transactions }]) => ({
      key,
      credits: formatDecimal(credits),
      transactions,
    }));
    return { value: breakdownOf(rows) satisfies Breakdown, asOf: asOfAll(answers, now) };
  },
  personSpending: async (readings, { now, ...query }) => {
    const answers: Answer<Spending>[] = [];
    for (const reading of readings) answers.push(await spending(reading, query));
    return {
      value: addedUp(
        answers.map(({ value }) => value),
        query,
      ),
      asOf: asOfAll(answers, now),
    };
  },
});

const keyOf = (by: PersonKey, key: string | null, { organizationId, units }: PersonReading): string | null => {
  if (by === 'organization') return organizationId;
  if (by === 'service_type') return key;
  const unit = key === null ? undefined : units.get(key);
  if (unit === undefined) throw new Error(`${organizationId} has no wallet ${String(key)}`);
  return unit;
};

const addTo = (
  sums: Map<string | null, { credits: bigint; transactions: number }>,
  key: string | null,
  credits: string,
  transactions: number,
): void => {
  const before = sums.get(key) ?? { credits: 0n, transactions: 0 };
  sums.set(key, {
    credits: before.credits + storedSum(credits),
    transactions: before.transactions + transactions,
  });
};

/** Buckets of all, without gaps: on test clocks organizations may live years apart. */
const addedUp = (all: readonly Spending[], { bucket }: PersonQuery & { readonly bucket: 'day' | 'hour' }): Spending => {
  const sums = new Map<Instant, bigint>();
  for (const { data } of all) {
    for (const { start, credits } of data) sums.set(start, (sums.get(start) ?? 0n) + storedSum(credits));
  }
  const starts = [...sums.keys()].sort();
  const [first, last] = [starts[0], starts.at(-1)];
  if (first === undefined || last === undefined) return { data: [], total: '0' };
  const data: { start: Instant; credits: string }[] = [];
  let total = 0n;
  for (let start = first; start <= last; start = shift(start, bucket === 'day' ? DAY_MICROS : HOUR_MICROS)) {
    if (data.length === BUCKETS_MAX) throw new AnswerTooLarge(`there are more than ${String(BUCKETS_MAX)} buckets`);
    const credits = sums.get(start) ?? 0n;
    data.push({ start, credits: formatDecimal(credits) });
    total += credits;
  }
  return { data, total: formatDecimal(total) };
};
