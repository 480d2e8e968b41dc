import { openTestDatabase } from '@drawdown/adapters/testing';
import { holdDocument, lotDocument, LOT_STATES, type Organization, walletView } from '@drawdown/domain';
import { type Charge, effectsOf, type OwnEvent, readRecorded, type Slice } from '@drawdown/domain/events';
import { later, replay, type TestLedger } from '@drawdown/domain/testing';
import { chargeId, format, formatDecimal, type Instant, organizationNamespace, storedCredits } from '@drawdown/kernel';
import type { ReadDatabase, Sql } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import { balances } from './balances/projector';
import type { Explanation, Reading, ReadModels, TransactionDocument } from './read-models';
import {
  assertBooks,
  checksums,
  emptyDatabase,
  fileDatabase,
  happenings,
  inTime,
  projected,
  stopAll,
  TestLog,
  TestWorld,
} from './testing';
import { transactions } from './transactions/projector';

const database = fileDatabase(openTestDatabase);

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
  }, 120_000);

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
}, 120_000);

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

describe('every transaction of a long history', () => {
  const [history = []] = fc.sample(happenings(300), { numRuns: 5, seed: 3 }).sort((a, b) => b.length - a.length);
  const world = TestWorld.of(history);
  const store = inMemoryEventStore();
  let models: ReadModels;
  beforeAll(async () => {
    await emptyDatabase(database);
    await new TestLog(store).write(world.drafts, 5);
    const read = await projected(store, database, { projectors: [balances, transactions] });
    await read.level();
    ({ models } = read);
  });
  afterAll(stopAll);

  const readingOf = ({ organization }: TestLedger): Reading => ({ organizationId: organization.id, now: world.now });

  /** A whole list, page by page. */
  const walked = async <T>(
    page: (cursor: string | null) => Promise<{ readonly data: readonly T[]; readonly next_cursor: string | null }>,
  ): Promise<readonly T[]> => {
    const all: T[] = [];
    for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
      const { data, next_cursor: next } = await page(cursor);
      all.push(...data);
      cursor = next;
    }
    return all;
  };
  const listed = (reading: Reading): Promise<readonly TransactionDocument[]> =>
    walked(async (cursor) => (await models.transactions(reading, { order: 'asc', limit: 100, cursor })).value);

  test('FLD-38: up to any instant the listed transactions come to the balance then, each of a kind that says why', async () => {
    const kinds = new Set<string>();
    for (const ledger of world.ledgers) {
      const { log, organization } = ledger;
      const all = await listed(readingOf(ledger));
      for (const { kind } of all) kinds.add(kind);
      const instants = [...new Set(log.map(({ at }) => at))];
      const step = Math.ceil(instants.length / 12);
      for (const until of instants.filter((_, n) => n % step === 0)) {
        const facts = log.filter(({ at }) => at <= until);
        for (const { key, settled } of replay(facts, undefined, organization.id).wallets) {
          const moved = all
            .filter(({ wallet, booked_at: at }) => wallet === key && at <= until)
            .reduce((sum, one) => sum + storedCredits(one.credits_credited) - storedCredits(one.credits_debited), 0n);
          expect([key, until, formatDecimal(moved)]).toEqual([key, until, format(settled)]);
        }
      }
    }
    for (const kind of ['grant', 'consumption', 'expiry', 'refund', 'void']) expect(kinds).toContain(kind);
  });

  /** What a transaction was made from, as the event says it that stands at its place. */
  const inLog = async ({ stream, revision, index }: Explanation['place']) => {
    const [stored] = await store.read(stream, revision, 1);
    if (stored === undefined) throw new Error(`${stream} has no revision ${String(revision)}`);
    const { event } = readRecorded(0, stored);
    const charge = event.type === 'UsageCharged' ? event.data.charges[index] : undefined;
    if (charge !== undefined) {
      const { usage, rate, exact, policyVersion, slices } = charge;
      return {
        id: idOf(charge),
        usage: { source: usage.source, id: usage.id, quantities: Object.fromEntries(usage.quantities.map(([name, amount]) => [name, format(amount)])) }, // prettier-ignore
        ...{ rate, exact, policyVersion, slices: shown(slices) },
      };
    }
    const booking = event.type === 'UsageCharged' ? undefined : effectsOf(event as OwnEvent).bookings[index];
    if (booking === undefined) throw new Error(`${stream} ${String(revision)} has no transaction ${String(index)}`);
    const { transactionId: id, policyVersion, slices } = booking;
    return { id, usage: null, rate: null, exact: null, policyVersion, slices: shown(slices) };
  };
  const shown = (slices: readonly Slice[]) =>
    slices.map(({ lotId, amount }) => ({ lot_id: lotId, amount: format(amount) }));
  const idOf = ({ usage: { organizationId, source, id } }: Charge): string =>
    chargeId(organizationNamespace(organizationId), source, id);

  test('INV-AUD-4: from any transaction to usage event, card version, arithmetic, policy version, slices and lots, and back (payments of lots apart)', async () => {
    for (const ledger of world.ledgers) {
      const [{ log, organization }, reading] = [ledger, readingOf(ledger)];
      const all = await listed(reading);
      const lots = await Promise.all(
        organization.wallets.map(({ key }) =>
          walked(async (cursor) => {
            const page = await models.lots(reading, key, { limit: 100, cursor });
            return page?.value ?? { data: [], next_cursor: null };
          }),
        ),
      );
      const lotIds = new Set(lots.flat().map(({ id }) => id));
      const policies = new Set(organization.wallets.map(({ key }) => `${key} 1`));
      for (const fact of log)
        if (fact.kind === 'event' && fact.event.type === 'WalletPolicyChanged')
          policies.add(`${fact.event.data.wallet} ${String(fact.event.data.version)}`);
      for (const transaction of all) {
        const explained = (await models.explanation(reading, transaction.id))?.value;
        if (explained === undefined) throw new Error(`${transaction.id} is not explained`);
        const { id, policy_version: policyVersion, slices, rate_card, rate_card_version } = transaction;
        const { usage, rate, exact, place } = explained;
        const made = await inLog(place);
        expect(explained.transaction).toEqual(transaction);
        expect({ id, usage, rate, exact, policyVersion, slices }).toMatchObject(made);
        expect([rate_card, rate_card_version]).toEqual([made.rate?.card ?? null, made.rate?.version ?? null]);
        expect(policies).toContain(`${transaction.wallet} ${String(policyVersion)}`);
        for (const { lot_id: lot } of slices) expect(lotIds).toContain(lot);
      }
      // And back: every charge and booking of the log is listed once, and every lot is named by the grant that made it.
      const booked = log.flatMap((fact) =>
        fact.kind === 'charge'
          ? [idOf(fact.charge)]
          : effectsOf(fact.event).bookings.map(({ transactionId }) => transactionId),
      );
      expect(all.map(({ id }) => id).sort()).toEqual(booked.sort());
      const granted = all.filter(({ credits_credited: credited, slices: [first] }) => credited !== '0' && first);
      for (const lot of lotIds)
        expect(granted.some(({ slices }) => slices.some(({ lot_id: id }) => id === lot))).toBe(true);
    }
  });
});
