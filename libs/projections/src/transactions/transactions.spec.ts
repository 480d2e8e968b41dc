import { openTestDatabase } from '@drawdown/adapters/testing';
import type { Charge } from '@drawdown/domain/events';
import { granted, later, START, TestLedger, usage, used } from '@drawdown/domain/testing';
import { chargeId, organizationNamespace, storedCredits } from '@drawdown/kernel';
import type { EventStore, ReadDatabase } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import {
  AnswerTooLarge,
  InvalidCursor,
  type Reading,
  type TransactionDocument,
  type TransactionFilter,
} from '../read-models';
import {
  stopAll,
  type Draft,
  emptyDatabase,
  happenings,
  inTime,
  type Projected,
  projected,
  TestLog,
  TestWorld,
} from '../testing';
import { transactions } from './projector';

let database: ReadDatabase;
let store: EventStore;
let log: TestLog;
let now: Projected;
let stop: () => Promise<void>;

beforeAll(async () => {
  database = await openTestDatabase();
});
afterAll(async () => {
  await stopAll();
  await database.close();
});
beforeEach(async () => {
  await emptyDatabase(database);
  store = inMemoryEventStore();
  log = new TestLog(store);
  now = await projected(store, database, { projectors: [transactions] });
  stop = () => now.runner.stop();
  await now.level();
});
afterEach(() => stop());

const READING: Reading = { organizationId: 'org_0', now: later(START, { days: 3 }) };

const draftsOf = ({ log: facts, organization }: TestLedger): Draft[] =>
  facts.map((fact) =>
    fact.kind === 'charge'
      ? { charge: fact.charge, at: fact.at }
      : { event: fact.event, organizationId: organization.id, at: fact.at },
  );

/** An organization with credits and some usage, by quantities and attribution. */
const ledgerWith = (...usages: Partial<Charge['usage']>[]): TestLedger => {
  const ledger = new TestLedger({ id: 'org_0' });
  granted('lot', '1000')(ledger);
  for (const one of usages) used('1', { organizationId: 'org_0', ...one })(ledger);
  return ledger;
};

const show = async (drafts: readonly Draft[]): Promise<readonly TransactionDocument[]> => {
  await log.write(drafts);
  await now.level();
  return (await now.models.transactions(READING, { order: 'asc', limit: 500 })).value.data;
};

const id = (usageId: string): string => chargeId(organizationNamespace('org_0'), 'tests', usageId);

test('takes the largest values that the intake takes', async () => {
  const [longId, longText] = ['x'.repeat(128), '\u{1F600}'.repeat(100)];
  const largest = {
    ...{ workspaceId: longId, resourceType: longId, resourceId: longId, taskId: longId, parentTransactionId: longId },
    ...{ userId: longId, model: longText, latencyMs: Number.MAX_SAFE_INTEGER },
  };
  const [, charge] = await show(draftsOf(ledgerWith(largest)));
  expect(charge).toMatchObject({ latency_ms: 9_007_199_254_740_991, model: longText, task_id: longId });
});

test('shows a charge with all that it was', async () => {
  const [, charge] = await show(
    draftsOf(
      ledgerWith({
        id: 'u1',
        ...{ workspaceId: 'ws', userId: 'ann', resourceType: 'agent', resourceId: 'bot', model: 'big', taskId: 'task' },
        ...{ latencyMs: 812, parentTransactionId: 'txn_parent' },
      }),
    ),
  );
  expect(charge).toEqual({
    id: id('u1'),
    kind: 'consumption',
    wallet: 'credits',
    credits_debited: '1',
    credits_credited: '0',
    service_type: 'llm_call',
    resource_type: 'agent',
    resource_id: 'bot',
    user_id: 'ann',
    workspace_id: 'ws',
    usage_quantity: '1',
    usage_unit: 'units',
    rate_applied: { type: 'flat_rate', credits_per_unit: '1', unit: 'units' },
    balance_before: '1000',
    balance_after: '999',
    parent_transaction_id: 'txn_parent',
    refunded_transaction_id: null,
    task_id: 'task',
    event_time: START,
    booked_at: START,
    actor: 'key_test',
    rate_card: 'card',
    rate_card_version: 1,
    policy_version: 1,
    model: 'big',
    latency_ms: 812,
    slices: [{ lot_id: expect.stringMatching(/^lot_/) as string, amount: '1' }],
    sequence: 2,
    debt: '0',
    uncovered: '0',
  });
});

test.each([
  [[['quantity', '3.5']], 'hours', '3.5', 'hours'],
  [[['input_tokens', '1200'], ['output_tokens', '310.5'], ['pages', '2']], null, '1510.5', 'tokens'], // prettier-ignore
  [[['pages', '2']], null, '2', 'pages'],
  [[['pages', '2'], ['seconds', '3']], null, null, null], // prettier-ignore
  [[], null, null, null],
] as const)('quantities %j in %s are shown as %s %s', async (quantities, unit, amount, shownUnit) => {
  const ledger = ledgerWith({});
  const [grant, charge] = draftsOf(ledger).slice(1);
  if (charge === undefined || !('charge' in charge) || grant === undefined) throw new Error('no charge');
  const reported = { quantities: quantities.map(([name, of]) => [name, storedCredits(of) as never] as const), unit };
  const changed = { ...charge, charge: { ...charge.charge, usage: { ...charge.charge.usage, ...reported } } };
  const shown = (await show([...draftsOf(ledger).slice(0, 2), changed])).at(-1);
  expect([shown?.usage_quantity, shown?.usage_unit]).toEqual([amount, shownUnit]);
});

describe('lists', () => {
  const filters: fc.Arbitrary<TransactionFilter> = fc.record(
    {
      wallet: fc.constantFrom('credits', 'machines'),
      kind: fc.constantFrom('consumption', 'grant', 'refund'),
      serviceType: fc.constantFrom('llm_call', 'compute'),
      workspaceId: fc.constantFrom('ws-1', 'ws-2'),
      userId: fc.constantFrom('u0', 'u1'),
      resourceId: fc.constant('res-1'),
      model: fc.constant('big'),
      taskId: fc.constant('task-1'),
      from: fc.integer({ min: 0, max: 400 }).map((hours) => later(START, { hours, minutes: 7 })),
      to: fc.integer({ min: 0, max: 400 }).map((hours) => later(START, { hours, micros: 1 })),
    },
    { requiredKeys: [] },
  );

  const fits = (one: TransactionDocument, filter: TransactionFilter): boolean =>
    (filter.wallet ?? one.wallet) === one.wallet &&
    (filter.kind ?? one.kind) === one.kind &&
    (filter.serviceType ?? one.service_type) === one.service_type &&
    (filter.workspaceId ?? one.workspace_id) === one.workspace_id &&
    (filter.userId ?? one.user_id) === one.user_id &&
    (filter.resourceId ?? one.resource_id) === one.resource_id &&
    (filter.model ?? one.model) === one.model &&
    (filter.taskId ?? one.task_id) === one.task_id &&
    (filter.from === undefined || one.event_time >= filter.from) &&
    (filter.to === undefined || one.event_time < filter.to);

  test('walked while rows arrive show each row that was there once, in booking order (INV-DEL-6)', async () => {
    const walk = fc.record({
      history: happenings(100),
      more: happenings(30),
      filter: filters,
      order: fc.constantFrom('asc', 'desc'),
      limit: fc.integer({ min: 1, max: 7 }),
    });
    await fc.assert(
      fc.asyncProperty(
        walk,
        inTime(40_000, async ({ history, more, filter, order, limit }) => {
          await stop();
          await emptyDatabase(database);
          store = inMemoryEventStore();
          log = new TestLog(store);
          now = await projected(store, database, { projectors: [transactions] });
          const world = TestWorld.of(history);
          await log.write(world.drafts);
          await now.level();
          const all = (await now.models.transactions(READING, { order: 'asc', limit: 500 })).value.data;
          const expected = all.filter((one) => fits(one, filter));
          const shown: TransactionDocument[] = [];
          let cursor: string | null = null;
          let written = world.drafts.length;
          const arriving = [...more];
          do {
            const page = await now.models.transactions(READING, { ...filter, order, limit, cursor });
            shown.push(...page.value.data);
            cursor = page.value.next_cursor;
            for (const happening of arriving.splice(0, 5)) world.happen(happening);
            await log.write(world.drafts.slice(written));
            written = world.drafts.length;
            await now.level();
          } while (cursor !== null);
          const known = new Set(all.map((one) => one.id));
          const old = shown.filter((one) => known.has(one.id));
          expect(old).toEqual(order === 'asc' ? expected : [...expected].reverse());
        }),
      ),
      { numRuns: 12 },
    );
  }, 60_000);

  test('a period begins where its first page had it, however long the walk takes', async () => {
    const ledger = ledgerWith({ id: 'a' }, { id: 'b' });
    await show(draftsOf(ledger));
    const first = await now.models.transactions(
      { ...READING, now: later(START, { days: 7 }) },
      { period: '7d', limit: 1, order: 'desc' },
    );
    const rest = await now.models.transactions(
      { ...READING, now: later(START, { days: 9 }) },
      { period: '7d', limit: 5, order: 'desc', cursor: first.value.next_cursor },
    );
    expect([...first.value.data, ...rest.value.data].map((one) => one.kind)).toEqual(['consumption', 'consumption', 'grant']); // prettier-ignore
  });

  test('refuse cursors of other lists, and what is none', async () => {
    await show(draftsOf(ledgerWith({}, {}, {})));
    const { value } = await now.models.transactions(READING, { limit: 1 });
    const refused = async (query: Parameters<typeof now.models.transactions>[1]): Promise<void> =>
      expect(now.models.transactions(READING, query)).rejects.toThrow(InvalidCursor);
    const { next_cursor: cursor } = value;
    await refused({ cursor, order: 'asc' });
    await refused({ cursor, wallet: 'credits' });
    await refused({ cursor, period: '7d' });
    for (const nonsense of [
      '',
      'x',
      '!',
      `${cursor ?? ''}A`,
      Buffer.from('[1]').toString('base64url'),
      Buffer.from('null').toString('base64url'),
    ]) {
      await refused({ cursor: nonsense });
    }
    const [list] = JSON.parse(Buffer.from(cursor ?? '', 'base64url').toString()) as readonly unknown[];
    const forged = (...parts: readonly unknown[]) =>
      Buffer.from(JSON.stringify([list, ...parts])).toString('base64url');
    await refused({ cursor: forged(1, 2 ** 31, null, null) });
    await refused({ cursor: forged(1.5, 0, null, null) });
    for (const time of ['yesterday', 'infinity', '2026-02-30T00:00:00.000000Z', '2026-01-01\0', 5]) {
      await refused({ cursor: forged(1, 0, time, null) });
      await refused({ cursor: forged(1, 0, null, time) });
    }
    expect((await now.models.transactions(READING, { limit: 5, cursor: forged(1, 0, null, null) })).value.data).toEqual(
      [],
    );
    const other = { ...READING, organizationId: 'org_1' };
    await expect(now.models.transactions(other, { cursor })).rejects.toThrow(InvalidCursor);
  });
});

test('finds one transaction, its place, and what it was made from', async () => {
  await show(draftsOf(ledgerWith({ id: 'u1' }, { id: 'u2', quantities: [['units', storedCredits('2.5') as never]] })));
  const found = await now.models.transaction(READING, id('u2'));
  expect(found?.value.credits_debited).toBe('2.5');
  expect(found?.asOf.position).toEqual(new Map([['0', 2]]));
  expect((await now.models.transactionPlace(READING, id('u2')))?.value).toEqual({ shard: 0, revision: 2, index: 1 });
  expect((await now.models.explanation(READING, id('u2')))?.value).toMatchObject({
    transaction: { id: id('u2') },
    usage: { source: 'tests', id: 'u2', quantities: { units: '2.5' }, dimensions: null },
    rate: { card: 'card', version: 1, index: 0, price: { type: 'flat_rate' } },
    exact: null,
    place: { stream: 'ledger-0', revision: 2, index: 1 },
  });
  for (const unknown of [id('u3'), 'txn_1', 'nonsense', `${id('u1')}x`]) {
    expect(await now.models.transaction(READING, unknown)).toBeUndefined();
    expect(await now.models.explanation(READING, unknown)).toBeUndefined();
  }
  // Another organization's id is as unknown as one that never was (INV-TEN-2).
  expect(await now.models.transaction({ ...READING, organizationId: 'org_1' }, id('u1'))).toBeUndefined();
});

test('a tree has each transaction once, with subtotals, whatever the order of booking (INV-LED-10)', async () => {
  const child = (usageId: string, parent: string, units: string): Partial<Charge['usage']> => ({
    id: usageId,
    parentTransactionId: id(parent),
    quantities: [['units', storedCredits(units) as never]],
  });
  await show(
    draftsOf(
      ledgerWith(
        child('grandchild', 'late', '4'), // booked before its parent
        { id: 'root' },
        child('first', 'root', '2'),
        child('late', 'root', '3'),
        child('circle-a', 'circle-b', '1'),
        child('circle-b', 'circle-a', '1'),
      ),
    ),
  );
  const tree = await now.models.transactionTree(READING, id('root'));
  expect(tree?.value).toMatchObject({
    id: id('root'),
    subtotal: '10',
    children: [
      { id: id('first'), subtotal: '2', children: [] },
      { id: id('late'), subtotal: '7', children: [{ id: id('grandchild'), subtotal: '4' }] },
    ],
  });
  // Booked last, it is what closes the circle, and the root of the other.
  const circle = await now.models.transactionTree(READING, id('circle-b'));
  expect(circle?.value).toMatchObject({
    subtotal: '2',
    children: [{ id: id('circle-a'), subtotal: '1', children: [] }],
  });
  const below = await now.models.transactionTree(READING, id('circle-a'));
  expect(below?.value).toMatchObject({ subtotal: '1', children: [] });
  expect(await now.models.transactionTree(READING, id('none'))).toBeUndefined();
});

test('a long chain of parents is a tree like any other, a longer one is asked for in parts', async () => {
  const chain = Array.from({ length: 2_000 }, (_, n) => ({
    id: `n${String(n)}`,
    ...(n === 0 ? {} : { parentTransactionId: id(`n${String(n - 1)}`) }),
  }));
  const ledger = new TestLedger({ id: 'org_0' });
  granted('lot', '5000')(ledger);
  const booked = draftsOf(ledger);
  used('1')(ledger);
  const fact = ledger.log.at(-1);
  if (fact?.kind !== 'charge') throw new Error('no charge');
  const charges = chain.map((changes, n): Draft => {
    const [balanceBefore, balanceAfter] = [storedCredits(String(5000 - n)), storedCredits(String(4999 - n))];
    const changed = { ...fact.charge, balanceBefore, balanceAfter, sequence: n + 2 };
    return { charge: { ...changed, usage: usage('1', { organizationId: 'org_0', ...changes }) }, at: START };
  });
  await log.write([...booked, ...charges], 1_000);
  await now.level();
  const tree = await now.models.transactionTree(READING, id('n1000'));
  expect(tree?.value.subtotal).toBe('1000');
  expect(JSON.parse(JSON.stringify(tree?.value))).toEqual(tree?.value);
  await expect(now.models.transactionTree(READING, id('n999'))).rejects.toThrow(AnswerTooLarge);
});

test('a second charge of one identity stops the read model (INV-INT-1)', async () => {
  const ledger = ledgerWith({ id: 'u1' }, { id: 'u2' });
  const drafts = draftsOf(ledger).map((draft): Draft =>
    'charge' in draft && draft.charge.usage.id === 'u2'
      ? { ...draft, charge: { ...draft.charge, usage: { ...draft.charge.usage, id: 'u1' } } }
      : draft,
  );
  await log.write(drafts, 1);
  const failing = (): boolean =>
    now.runner.health().some(({ projector, at }) => projector === 'transactions' && at?.revision === 3);
  for (let tries = 0; !failing() && tries < 2_000; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(now.runner.health().find(({ projector }) => projector === 'transactions')?.reason).toContain(
    'transactions_v4_g1_id_idx',
  );
});

test('(source, id) counts once for 40 days: used again after that it is a second transaction, which its id then names', async () => {
  const ledger = ledgerWith({ id: 'u1', taskId: 'first' }, { id: 'u1', taskId: 'second' });
  const drafts = draftsOf(ledger);
  const last = drafts.pop();
  if (last === undefined) throw new Error('no drafts');
  await log.write([...drafts, { ...last, at: later(START, { days: 40 }) }], 1);
  await now.level();
  const { data } = (await now.models.transactions(READING, { order: 'asc' })).value;
  expect(data.slice(1).map((one) => [one.id, one.sequence, one.task_id])).toEqual([
    [id('u1'), 2, 'first'],
    [id('u1'), 3, 'second'],
  ]);
  expect((await now.models.transaction(READING, id('u1')))?.value.sequence).toBe(3);
  expect((await now.models.transactionPlace(READING, id('u1')))?.value.revision).toBe(3);
  expect((await now.models.transactionTree(READING, id('u1')))?.value).toMatchObject({ sequence: 3, subtotal: '1' });
});

test('a transaction whose id was used again under another parent stays where it was in the tree of the first', async () => {
  const under = (parent: string) => ({ id: 'child', parentTransactionId: id(parent) });
  const drafts = draftsOf(ledgerWith({ id: 'one' }, { id: 'other' }, under('one'), under('other')));
  const last = drafts.pop();
  if (last === undefined) throw new Error('no drafts');
  await log.write([...drafts, { ...last, at: later(START, { days: 40 }) }], 1);
  await now.level();
  for (const [parent, sequence] of [
    ['one', 4],
    ['other', 5],
  ] as const) {
    const tree = await now.models.transactionTree(READING, id(parent));
    expect(tree?.value).toMatchObject({ subtotal: '2', children: [{ id: id('child'), sequence, subtotal: '1' }] });
  }
});
