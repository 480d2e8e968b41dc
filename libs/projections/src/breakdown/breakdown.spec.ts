import { openTestDatabase } from '@drawdown/adapters/testing';
import { granted, later, START, TestLedger, used } from '@drawdown/domain/testing';
import { formatDecimal, type Instant, storedCredits } from '@drawdown/kernel';
import { type ReadProgress, suffixOf } from '@drawdown/delivery';
import { type EventStore, NO_METRICS } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import { projectors } from '../projectors';
import {
  AnswerTooLarge,
  BREAKDOWN_KEYS,
  type BreakdownKey,
  type BreakdownQuery,
  type Reading,
  ReadModelBehind,
  type ReadModels,
  type TransactionDocument,
  type UsageFilter,
} from '../read-models';
import {
  assertBooks,
  type Draft,
  draftsOf,
  emptyDatabase,
  fileDatabase,
  type Happening,
  happenings,
  inTime,
  type Projected,
  projected,
  type ProjectedOptions,
  stopAll,
  TestLog,
  TestWorld,
} from '../testing';
import { burnRate } from '../burn-rate';
import { readModels } from '../read-models-of';
import { startOf } from '../time-range';
import { transactions } from '../transactions/projector';
import { breakdown } from './projector';
import { sharePercent } from './queries';

const database = fileDatabase(openTestDatabase);

const FIELD: Readonly<Record<BreakdownKey, keyof TransactionDocument>> = {
  workspace: 'workspace_id',
  service_type: 'service_type',
  user: 'user_id',
  model: 'model',
  resource: 'resource_id',
  agent: 'resource_id',
  wallet: 'wallet',
};

/** A bound by a transaction's event time: itself, beside it, or the hour it lies in. */
interface Edge {
  readonly of: number;
  readonly micros: number;
  readonly whole: boolean;
}
const edge: fc.Arbitrary<Edge> = fc.record({
  of: fc.nat(200),
  micros: fc.constantFrom(-1, 0, 0, 1, 1_800_000_000, -3_600_000_000),
  whole: fc.boolean(),
});

const boundAt = (all: readonly TransactionDocument[], { of, micros, whole }: Edge): Instant => {
  const time = all[of % Math.max(1, all.length)]?.event_time ?? START;
  return whole ? startOf(time, 'hour') : later(time, { micros });
};

type Asked = Omit<BreakdownQuery, 'by' | 'from' | 'to'> & { readonly from?: Edge; readonly to?: Edge };

/** At most one filter, or hardly anything is left to be summed. */
const query: fc.Arbitrary<Asked> = fc
  .tuple(
    fc.constantFrom<UsageFilter>(
      {},
      { wallet: 'credits' },
      { serviceType: 'llm_call' },
      { workspaceId: 'ws-1' },
      { userId: 'u0' },
      { resourceId: 'res-1' },
      { model: 'big' },
    ),
    fc.record(
      { from: edge, to: edge, period: fc.constantFrom('7d' as const, '30d' as const, 'all' as const) },
      { requiredKeys: [] },
    ),
  )
  .map(([filter, range]) => ({ ...filter, ...range }));

const covers = (one: TransactionDocument, { by, ...filter }: BreakdownQuery, now: Instant): boolean => {
  const days = { '7d': 7, '30d': 30, '90d': 90, all: 10_000 }[filter.period ?? 'all'];
  const from = filter.from ?? later(filter.to ?? now, { days: -days });
  return (
    one.kind === 'consumption' &&
    (by !== 'agent' || one.resource_type === 'agent') &&
    (filter.wallet ?? one.wallet) === one.wallet &&
    (filter.serviceType ?? one.service_type) === one.service_type &&
    (filter.workspaceId ?? one.workspace_id) === one.workspace_id &&
    (filter.userId ?? one.user_id) === one.user_id &&
    (filter.resourceId ?? one.resource_id) === one.resource_id &&
    (filter.model ?? one.model) === one.model &&
    one.event_time >= from &&
    (filter.to === undefined || one.event_time < filter.to)
  );
};

const sumBy = (ones: readonly TransactionDocument[], key: (one: TransactionDocument) => string | null) => {
  const sums = new Map<string | null, { credits: bigint; transactions: number }>();
  for (const one of ones) {
    const sum = sums.get(key(one)) ?? { credits: 0n, transactions: 0 };
    sum.credits += storedCredits(one.credits_debited);
    sum.transactions += 1;
    sums.set(key(one), sum);
  }
  return sums;
};

/** Everything consumed by the organization, from the list of transactions. */
const allOf = async ({ models }: Projected, reading: Reading): Promise<readonly TransactionDocument[]> =>
  (await models.transactions(reading, { limit: 500 })).value.data;

test('INV-DEL-10, FLD-43: Σ breakdown = Σ spending = Σ transactions covered by their event times, for every filter, key and range; so do hours of the burn rate', async () => {
  const asked = fc.array(query, { minLength: 8, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(
      happenings(120),
      asked,
      inTime(40_000, async (history, queries) => {
        await emptyDatabase(database);
        const world = TestWorld.of(history);
        const store = inMemoryEventStore();
        await new TestLog(store).write(world.drafts);
        const read = await projected(store, database, { projectors: [breakdown, burnRate, transactions] });
        await read.level();
        const reading = { organizationId: 'org_0', now: world.now };
        const all = await allOf(read, reading);
        for (const [index, { from, to, ...filter }] of queries.entries()) {
          const one = {
            ...filter,
            ...(from === undefined ? {} : { from: boundAt(all, from) }),
            ...(to === undefined ? {} : { to: boundAt(all, to) }),
          };
          const by = BREAKDOWN_KEYS[index % BREAKDOWN_KEYS.length] ?? 'user';
          const covered = all.filter((transaction) => covers(transaction, { ...one, by }, world.now));
          const total = formatDecimal(
            covered.reduce((sum, { credits_debited: debited }) => sum + storedCredits(debited), 0n),
          );
          const { value } = await read.models.breakdown(reading, { ...one, by });
          const expected = sumBy(covered, (transaction) => transaction[FIELD[by]] as string | null);
          expect(value.total).toBe(total);
          expect(new Map(value.data.map(({ key, credits, transactions }) => [key, { credits: storedCredits(credits), transactions }]))).toEqual(expected); // prettier-ignore

          const bucket = index % 2 === 0 ? 'day' : 'hour';
          const spending = await read.models.spending(reading, { ...one, bucket });
          const spent = all.filter((transaction) => covers(transaction, { ...one, by: 'user' }, world.now));
          const byBucket = sumBy(spent, ({ event_time: time }) => time.slice(0, bucket === 'day' ? 10 : 13));
          expect(spending.value.data.filter(({ credits }) => credits !== '0')).toEqual(
            [...byBucket]
              .filter(([, { credits }]) => credits > 0n)
              .sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))
              .map(([start, { credits }]) => ({
                start: bucket === 'day' ? `${start ?? ''}T00:00:00.000000Z` : `${start ?? ''}:00:00.000000Z`,
                credits: formatDecimal(credits),
              })),
          );
          const starts = spending.value.data.map(({ start }) => start);
          for (const [i, start] of starts.entries()) {
            if (i > 0) expect(start).toBe(later(starts[i - 1] ?? start, bucket === 'day' ? { days: 1 } : { hours: 1 }));
          }
        }
        await assertBooks(database);
        await read.runner.stop();
      }),
    ),
    { numRuns: 15 },
  );
}, 60_000);

describe('at ragged edges', () => {
  const history: readonly Happening[] = [
    { kind: 'grant', who: 0, a: 299, b: 6 },
    ...[3, 6, 9, 15].map((a): Happening => ({ kind: 'use', who: 0, a, b: 1 })),
  ];
  const { drafts, now } = TestWorld.of(history);
  const reading: Reading = { organizationId: 'org_0', now };
  const ragged = { to: later(START, { micros: 1 }), by: 'wallet' } as const;
  const only = (wanted: (name: string) => boolean): ProjectedOptions => ({
    projectors: projectors.filter(({ name }) => wanted(name)),
  });

  /** Everything but the last two charges in all read models, and these in those that are named. */
  const uneven = async (wanted: (name: string) => boolean): Promise<EventStore> => {
    await emptyDatabase(database);
    const store = inMemoryEventStore();
    const log = new TestLog(store);
    await log.write(drafts.slice(0, -2), 1);
    await (await projected(store, database)).level();
    await stopAll();
    await log.write(drafts.slice(-2), 1);
    await (await projected(store, database, only(wanted))).level();
    await stopAll();
    return store;
  };
  const totalOf = (some: readonly Draft[]): string =>
    formatDecimal(
      some.reduce((sum, draft) => sum + ('charge' in draft ? draft.charge.price - draft.charge.uncovered : 0n), 0n),
    );

  /** Suffix of a read model's first tables. */
  const firstOf = (name: string): string => {
    const version = projectors.find((projector) => projector.name === name)?.version ?? NaN;
    return suffixOf({ version, generation: 1 });
  };

  const modelsWith = (store: EventStore, reached: ReadProgress['reached']): ReadModels =>
    readModels({
      ...{ database, store, shardOf: () => 0, metrics: NO_METRICS, catalogueReached: async () => undefined },
      progress: { serving: async (name) => firstOf(name), reached, lost: () => undefined },
    });

  test('waits for the transactions to have seen what the breakdown has', async () => {
    const store = await uneven((name) => name !== 'transactions');
    const waited: unknown[] = [];
    const models = modelsWith(store, async (projector, shard, revision) => {
      waited.push([projector, shard, revision]);
      await (await projected(store, database)).level();
    });
    expect((await models.breakdown(reading, ragged)).value.total).toBe(totalOf(drafts));
    expect(waited).toEqual([['transactions', 0, await store.head('ledger-0')]]);
  });

  test('covers only what the breakdown has seen', async () => {
    const models = modelsWith(await uneven((name) => name !== 'breakdown'), async () => undefined);
    expect((await models.breakdown(reading, ragged)).value.total).toBe(totalOf(drafts.slice(0, -2)));
    expect((await models.breakdown(reading, { by: 'wallet' })).value.total).toBe(totalOf(drafts.slice(0, -2)));
  });

  test('answers nothing as long as there are no transactions', async () => {
    await emptyDatabase(database);
    const store = inMemoryEventStore();
    await new TestLog(store).write(drafts);
    const alone = await projected(
      store,
      database,
      only((name) => name !== 'transactions'),
    );
    await alone.level();
    await expect(alone.models.breakdown(reading, ragged)).rejects.toThrow(ReadModelBehind);
    expect((await alone.models.breakdown(reading, { by: 'wallet' })).value.total).toBe(totalOf(drafts));
  });
});

test('models that are one text to the database, halves of surrogate pairs in logs of before, are summed together', async () => {
  await emptyDatabase(database);
  const ledger = new TestLedger({ id: 'org_0' });
  granted('lot', '100')(ledger);
  for (const [n, model] of ['m\ud800', 'm\udfff', 'm\ufffd'].entries()) {
    used(String(n + 1), { organizationId: 'org_0', id: `u${String(n)}`, model })(ledger);
  }
  const store = inMemoryEventStore();
  await new TestLog(store).write(draftsOf(ledger), 3);
  const read = await projected(store, database, { projectors: [breakdown, burnRate, transactions] });
  await read.level();
  const { value } = await read.models.breakdown({ organizationId: 'org_0', now: ledger.now }, { by: 'model' });
  expect(value).toMatchObject({ total: '6', data: [{ key: 'm\ufffd', credits: '6', transactions: 3 }] });
  await assertBooks(database);
  await read.runner.stop();
});

test('shares are cut to two decimals; nothing of nothing is 0', () => {
  expect([
    sharePercent(1n, 3n),
    sharePercent(2n, 3n),
    sharePercent(3n, 3n),
    sharePercent(0n, 0n),
    sharePercent(1n, 100_000n),
  ]).toEqual(
    ['33.33', '66.66', '100.00', '0.00', '0.00'], // prettier-ignore
  );
});

test('refuses a range of more buckets than one answer holds', async () => {
  await emptyDatabase(database);
  const read = await projected(inMemoryEventStore(), database, { projectors: [breakdown, transactions] });
  await read.level();
  const reading = { organizationId: 'org_0', now: START };
  const asked = read.models.spending(reading, { bucket: 'hour', from: '0001-01-01T00:00:00.000000Z' as Instant });
  await expect(asked).rejects.toThrow(AnswerTooLarge);
  expect((await read.models.spending(reading, { bucket: 'day' })).value.data).toEqual([{ start: START, credits: '0' }]);
  await read.runner.stop();
});
