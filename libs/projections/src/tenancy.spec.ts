import { openTestDatabase } from '@drawdown/adapters/testing';
import { authorizeHold, granted, later, START, setRole, TestLedger, usage, used } from '@drawdown/domain/testing';
import { chargeId, derivedId, type Instant, organizationNamespace } from '@drawdown/kernel';
import type { ReadDatabase } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { BREAKDOWN_KEYS, type Reading, type ReadModels, type TransactionFilter } from './read-models';
import { type Draft, draftsOf, type Projected, projected, stopAll, TestLog } from './testing';

/** Two organizations in one shard, in the same tables: what one of them reads is its own, whatever it asks for. */
const [OWN, OTHER] = ['org_own', 'org_other'];
const NOW = later(START, { days: 6 });
/** When both have usage. */
const BOTH = later(START, { days: 5 });
/** Ends inside the hour of it: whole hours and the edge are read from different tables. */
const RAGGED = { from: START, to: later(BOTH, { micros: 1 }) };
const READING: Reading = { organizationId: OWN, now: NOW };
const OF_PERSON = [{ ...READING, onTestClock: false, units: new Map([['credits', 'credit']]) }];

const charge = (organizationId: string, id: string): string =>
  chargeId(organizationNamespace(organizationId), 'tests', id);
const holdOf = (organizationId: string): string => derivedId('hold', organizationId, 'hold');

const ATTRIBUTED = {
  ...{ workspaceId: 'w1', userId: 'ann', resourceType: 'agent', resourceId: 'r1', model: 'm1', taskId: 'task' },
};

/** Something of each kind; `claimed` is the parent that a charge says to have. */
const lived = (id: string, begun: Instant, claimed: string): Draft[] => {
  const ledger = new TestLedger({ id, now: begun });
  granted('lot', '100', { expiresAt: later(NOW, { days: 3 }) })(ledger);
  setRole('ann', 'member')(ledger);
  used('3', { organizationId: id, id: 'root', ...ATTRIBUTED })(ledger);
  used('2', { organizationId: id, id: 'child', ...ATTRIBUTED, parentTransactionId: charge(id, 'root') })(ledger);
  ledger.advance(BOTH);
  used('5', { organizationId: id, id: 'claiming', ...ATTRIBUTED, parentTransactionId: claimed })(ledger);
  authorizeHold('hold', '7')(ledger);
  const event = usage('1', { organizationId: id, id: 'odd', time: begun });
  return [
    ...draftsOf(ledger),
    {
      event: { type: 'UsageQuarantined', data: { usage: event, code: 'no_rate', detail: 'no rate fits' } },
      organizationId: id,
      at: begun,
    },
  ];
};

let database: ReadDatabase;
let now: Projected;
/** What every read answered before the other organization came. */
let alone: readonly (readonly [string, unknown])[];

const valueOf = async (answer: Promise<{ readonly value: unknown } | undefined>): Promise<unknown> =>
  (await answer)?.value;

const readsOf = async (models: ReadModels): Promise<[string, unknown][]> => {
  const person = { userId: 'ann', now: NOW };
  const reads: [string, () => Promise<unknown>][] = [
    ['organization', () => valueOf(models.organization(READING))],
    ['organization figures', () => valueOf(models.organizationFigures(READING))],
    ['wallets', () => valueOf(models.wallets(READING))],
    ['wallet', () => valueOf(models.wallet(READING, 'credits'))],
    ['lots', () => valueOf(models.lots(READING, 'credits'))],
    ['holds', () => valueOf(models.holds(READING))],
    ['open holds', () => valueOf(models.holds(READING, { wallet: 'credits', state: 'open' }))],
    ['hold', () => valueOf(models.hold(READING, holdOf(OWN)))],
    ['transactions', () => valueOf(models.transactions(READING))],
    ['transactions of a user', () => valueOf(models.transactions(READING, { userId: 'ann', order: 'asc' }))],
    ['transaction', () => valueOf(models.transaction(READING, charge(OWN, 'root')))],
    ['tree', () => valueOf(models.transactionTree(READING, charge(OWN, 'root')))],
    ['place', () => valueOf(models.transactionPlace(READING, charge(OWN, 'root')))],
    ['explanation', () => valueOf(models.explanation(READING, charge(OWN, 'root')))],
    ...BREAKDOWN_KEYS.map((by): [string, () => Promise<unknown>] => [
      `breakdown by ${by}`,
      () => valueOf(models.breakdown(READING, { by })),
    ]),
    ['a ragged range', () => valueOf(models.breakdown(READING, { by: 'user', ...RAGGED }))],
    ['spending', () => valueOf(models.spending(READING, { bucket: 'day' }))],
    ['burn rate', () => valueOf(models.burnRate(READING, { wallet: 'credits' }))],
    ['burn rate of 30 days', () => valueOf(models.burnRate(READING, { wallet: 'credits', window: '30d' }))],
    ['burndown', () => valueOf(models.burndown(READING, { wallet: 'credits' }))],
    ['burndown of all', () => valueOf(models.burndown(READING, { wallet: 'credits', period: 'all' }))],
    ['quarantine', () => valueOf(models.quarantine({ organizationId: OWN, now: NOW }))],
    ['quarantined usage', () => models.quarantinedUsage({ organizationId: OWN })],
    ["a person's sums", () => valueOf(models.personBreakdown(OF_PERSON, { ...person, by: 'organization' }))],
    ["a person's days", () => valueOf(models.personSpending(OF_PERSON, { ...person, bucket: 'day' }))],
    ["a person's transactions", () => valueOf(models.personTransactions(OF_PERSON, person))],
  ];
  return Promise.all(reads.map(async ([name, read]): Promise<[string, unknown]> => [name, await read()]));
};

beforeAll(async () => {
  database = await openTestDatabase();
  const store = inMemoryEventStore();
  const log = new TestLog(store);
  now = await projected(store, database);
  await log.write(lived(OWN, BOTH, charge(OTHER, 'root')));
  await now.level();
  alone = await readsOf(now.models);
  // It has used for longer, and says that its charge belongs under one of the other organization.
  await log.write(lived(OTHER, START, charge(OWN, 'root')));
  await now.level();
});
afterAll(async () => {
  await stopAll();
  await database.close();
});

test('INV-TEN-1: what an organization reads is what it would read if there were no other', async () => {
  for (const [name, value] of alone) expect([name, value ?? 'nothing']).not.toEqual([name, 'nothing']);
  expect(await readsOf(now.models)).toEqual(alone);
});

test('INV-TEN-2, BAD-094: ids of another organization are as unknown as those that never were', async () => {
  const { models } = now;
  const theirs: Reading = { ...READING, organizationId: OTHER };
  const ofTransaction = [models.transaction, models.transactionTree, models.transactionPlace, models.explanation];
  for (const id of ['root', 'child', 'claiming'].map((usageId) => charge(OTHER, usageId))) {
    for (const read of ofTransaction) {
      expect(await read(theirs, id)).toBeDefined();
      expect(await read(READING, id)).toBeUndefined();
    }
  }
  expect(await models.hold(theirs, holdOf(OTHER))).toBeDefined();
  expect(await models.hold(READING, holdOf(OTHER))).toBeUndefined();
  const { data } = (await models.transactions(READING, { parentTransactionId: charge(OWN, 'root') })).value;
  expect(data.map(({ id }) => id)).toEqual([charge(OWN, 'child')]);
});

describe('BAD-099: a filter is a value and no pattern', () => {
  const VALUES: TransactionFilter = {
    ...{ wallet: 'credits', serviceType: 'llm_call', workspaceId: 'w1', userId: 'ann', resourceId: 'r1', model: 'm1' },
    ...{ taskId: 'task', parentTransactionId: charge(OWN, 'root') },
  };
  const patternsOf = (value: string): string[] => ['%', `${value.slice(0, 1)}%`, '_'.repeat(value.length), '.*'];
  const OTHERS = ["' OR 1=1--", '_', '*', "') OR ('' = '", '$3', '\\', ''];

  test.each(Object.entries(VALUES) as [keyof TransactionFilter, string][])('%s', async (field, value) => {
    const { models } = now;
    const found = async (wanted: string): Promise<unknown[]> => {
      const filter = { [field]: wanted };
      const listed = (await models.transactions(READING, filter)).value.data.length;
      if (field === 'taskId' || field === 'parentTransactionId') return [listed > 0];
      const sums = (await models.breakdown(READING, { by: 'user', ...filter })).value.total;
      const edges = (await models.breakdown(READING, { by: 'user', ...filter, ...RAGGED })).value.total;
      const spent = (await models.spending(READING, { bucket: 'day', ...filter })).value.total;
      return [listed > 0, sums !== '0', edges !== '0', spent !== '0'];
    };
    expect(new Set(await found(value))).toEqual(new Set([true]));
    for (const wanted of [...patternsOf(value), ...OTHERS]) {
      expect([wanted, new Set(await found(wanted))]).toEqual([wanted, new Set([false])]);
    }
  });

  test('nor is a key or an id in the path, or the filter of another list', async () => {
    const { models } = now;
    for (const wanted of [...patternsOf('credits'), ...OTHERS]) {
      expect(await models.wallet(READING, wanted)).toBeUndefined();
      expect(await models.lots(READING, wanted)).toBeUndefined();
      expect(await models.burnRate(READING, { wallet: wanted })).toBeUndefined();
      expect(await models.burndown(READING, { wallet: wanted })).toBeUndefined();
      expect((await models.holds(READING, { wallet: wanted })).value.data).toEqual([]);
      expect((await models.quarantine({ organizationId: OWN, code: wanted, now: NOW })).value.data).toEqual([]);
      expect((await models.personTransactions(OF_PERSON, { userId: wanted, now: NOW })).value.data).toEqual([]);
    }
    for (const wanted of [...patternsOf(OWN), ...OTHERS]) {
      expect(await models.organization({ ...READING, organizationId: wanted })).toBeUndefined();
      expect((await models.quarantine({ organizationId: wanted, now: NOW })).value.data).toEqual([]);
    }
    for (const wanted of [...patternsOf(holdOf(OWN)), ...OTHERS])
      expect(await models.hold(READING, wanted)).toBeUndefined();
  });
});
