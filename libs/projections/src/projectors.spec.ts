import { openTestDatabase } from '@drawdown/adapters/testing';
import { holdDocument, lotDocument, LOT_STATES, type Organization, walletView } from '@drawdown/domain';
import { later } from '@drawdown/domain/testing';
import type { Instant } from '@drawdown/kernel';
import type { ReadDatabase, Sql } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import { balances } from './balances/projector';
import type { ReadModels } from './read-models';
import {
  assertBooks,
  checksums,
  emptyDatabase,
  happenings,
  inTime,
  projected,
  stopAll,
  TestLog,
  TestWorld,
} from './testing';

let database: ReadDatabase;
beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await stopAll();
  await database.close();
});

/** A database whose n-th transactions break down after their last statement. */
const breaking = (inner: ReadDatabase, broken: ReadonlySet<number>): ReadDatabase => {
  let transactions = 0;
  return {
    query: (statement, parameters) => inner.query(statement, parameters),
    run: (script) => inner.run(script),
    close: () => inner.close(),
    transaction: <T>(work: (tx: Sql) => Promise<T>) => {
      transactions += 1;
      if (!broken.has(transactions)) return inner.transaction(work);
      return inner.transaction(async (tx) => {
        await work(tx);
        throw Object.assign(new Error('broken'), { code: '40001' });
      });
    },
  };
};

describe('any batches, restarts and breakdowns of the same events give the same rows', () => {
  const variant = fc.record({
    history: happenings(80),
    packed: fc.integer({ min: 1, max: 30 }),
    weight: fc.integer({ min: 1, max: 40 }),
    parts: fc.integer({ min: 1, max: 4 }),
    broken: fc.uniqueArray(fc.integer({ min: 2, max: 40 }), { maxLength: 6 }),
    sharded: fc.boolean(),
  });

  test('INV-DEL-3, INV-LED-8', async () => {
    await fc.assert(
      fc.asyncProperty(
        variant,
        inTime(40_000, async ({ history, packed, weight, parts, broken, sharded }) => {
          const { drafts } = TestWorld.of(history);
          const shards = sharded ? 2 : 1;
          const shardOf = (organizationId: string): number => Number(organizationId.slice(-1)) % shards;
          const options = { shards, shardOf };

          await emptyDatabase(database);
          const whole = inMemoryEventStore();
          await new TestLog(whole, shardOf).write(drafts, packed);
          const first = await projected(whole, database, options);
          await first.level();
          const expected = await checksums(database);
          await assertBooks(database);
          await first.runner.rebuild('balances');
          await first.runner.rebuild('breakdown');
          expect(await checksums(database)).toEqual(expected);
          await first.runner.stop();

          await emptyDatabase(database);
          const faulty = breaking(database, new Set(broken));
          const growing = inMemoryEventStore();
          await copyInParts(whole, growing, shards, parts, async () => {
            const part = await projected(growing, faulty, { ...options, batch: { events: 5, weight } });
            await part.level();
            await part.runner.stop();
          });
          expect(await checksums(database)).toEqual(expected);
        }),
      ),
      { numRuns: 8 },
    );
  }, 60_000);

  /** Appends the streams of one store to another in so many parts, and does something after each. */
  const copyInParts = async (
    from: ReturnType<typeof inMemoryEventStore>,
    to: ReturnType<typeof inMemoryEventStore>,
    shards: number,
    parts: number,
    after: () => Promise<void>,
  ): Promise<void> => {
    for (let part = 1; part <= parts; part++) {
      for (let shard = 0; shard < shards; shard++) {
        const stream = `ledger-${String(shard)}`;
        const all = await from.read(stream, 0, 10_000);
        const done = (await to.head(stream)) + 1;
        const events = all.slice(done, Math.ceil((all.length * part) / parts));
        if (events.length > 0) await to.append(stream, done, events);
      }
      await after();
    }
  };
});

test('shows what the ledger has in memory, at any time (INV-LOT-2, INV-TIM-3)', async () => {
  await fc.assert(
    fc.asyncProperty(
      happenings(100),
      fc.nat(60),
      inTime(40_000, async (history, days) => {
        await emptyDatabase(database);
        const world = TestWorld.of(history);
        const store = inMemoryEventStore();
        await new TestLog(store).write(world.drafts);
        const { runner, models, level } = await projected(store, database, { projectors: [balances] });
        await level();
        for (const { organization } of world.ledgers) {
          // Some day, and the very instants at which a lot begins or ends.
          const turns = [...organization.lots.values()].flatMap((lot) => [lot.effectiveAt, lot.expiresAt ?? world.now]);
          const instants = turns.filter((turn) => turn >= world.now).sort();
          for (const now of [later(world.now, { days, hours: 1 }), ...instants.slice(0, 2), ...instants.slice(-1)]) {
            await expectAsInMemory(models, organization, now);
          }
        }
        await runner.stop();
      }),
    ),
    { numRuns: 8 },
  );
}, 60_000);

const expectAsInMemory = async (models: ReadModels, organization: Organization, now: Instant): Promise<void> => {
  const reading = { organizationId: organization.id, now };
  const wallets = organization.wallets.map((wallet) => walletView(wallet, organization, now));
  expect((await models.wallets(reading))?.value).toEqual(wallets);
  const closed = organization.status === 'closed';
  for (const { key } of organization.wallets) {
    const lots = [...organization.lots.values()].filter(({ wallet }) => wallet === key);
    const documents = lots.sort((a, b) => a.sequence - b.sequence).map((lot) => lotDocument(lot, now, closed));
    const shown = await models.lots(reading, key, { limit: 500 });
    expect(shown?.value).toEqual({ data: documents, next_cursor: null });
    for (const state of LOT_STATES) {
      const inState = await models.lots(reading, key, { state, limit: 500 });
      expect(inState?.value.data).toEqual(documents.filter((document) => document['state'] === state));
    }
  }
  const holds = [...organization.holds.values()].reverse().map(holdDocument);
  expect((await models.holds(reading, { limit: 500 })).value.data).toEqual(holds);
};
