import { openTestDatabase } from '@drawdown/adapters/testing';
import type { ReadDatabase, Sql } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import {
  assertBooks,
  checksums,
  emptyDatabase,
  fileDatabase,
  happenings,
  inTime,
  projected,
  TestLog,
  TestWorld,
} from './testing';

/** One transaction in so many meets another. */
const ONE_IN = 5;
const CODES = ['40001', '40P01'];

const database = fileDatabase(openTestDatabase);

/** Every fifth transaction is refused by the server itself: after its first statement, in the middle, or after its last. */
const conflicting = (inner: ReadDatabase): { readonly database: ReadDatabase; readonly met: () => number } => {
  let transactions = 0;
  let met = 0;
  const conflict = async (tx: Sql): Promise<void> => {
    met += 1;
    const code = CODES[met % CODES.length] ?? '40001';
    await tx.query(`DO $$ BEGIN RAISE EXCEPTION 'met another' USING ERRCODE = '${code}'; END $$`);
  };
  const transaction = <T>(work: (tx: Sql) => Promise<T>): Promise<T> => {
    transactions += 1;
    if (transactions % ONE_IN !== 0) return inner.transaction(work);
    const after = (transactions / ONE_IN) % 4;
    return inner.transaction(async (tx) => {
      let statements = 0;
      const meeting: Sql = {
        query: async (statement, parameters) => {
          if ((statements += 1) > after && after > 0) await conflict(tx);
          return tx.query(statement, parameters);
        },
      };
      const result = await work(meeting);
      if (after === 0 || statements <= after) await conflict(tx);
      return result;
    });
  };
  return {
    database: { ...bound(inner), transaction },
    met: () => met,
  };
};

const bound = (inner: ReadDatabase): Omit<ReadDatabase, 'transaction'> => ({
  query: (statement, parameters) => inner.query(statement, parameters),
  run: (script) => inner.run(script),
  close: () => inner.close(),
});

test('FLT-43: with every fifth transaction refused by the server, rows are those of a run without, and none is partial', async () => {
  let met = 0;
  await fc.assert(
    fc.asyncProperty(
      happenings(80),
      inTime(40_000, async (history) => {
        const store = inMemoryEventStore();
        await new TestLog(store).write(TestWorld.of(history).drafts, 3);
        await emptyDatabase(database);
        const whole = await projected(store, database);
        await whole.level();
        const expected = await checksums(database);
        await emptyDatabase(database);
        const faulty = conflicting(database);
        const again = await projected(store, faulty.database, { batch: { events: 4, weight: 8 } });
        await again.level();
        expect(await checksums(database)).toEqual(expected);
        await assertBooks(database);
        met += faulty.met();
      }),
    ),
    { numRuns: 8 },
  );
  expect(met).toBeGreaterThan(20);
}, 90_000);
