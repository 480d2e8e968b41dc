import { openTestDatabase } from '@drawdown/adapters/testing';
import type { LedgerEvent } from '@drawdown/domain/events';
import { checkAccess, lotDocument, organizationOf, organizationView, walletView } from '@drawdown/domain';
import {
  amount,
  authorizeHold,
  closeOrganization,
  granted,
  later,
  policy,
  preset,
  refundCharge,
  removeMember,
  setRole,
  START,
  TestLedger,
  used,
  voidGrant,
  wallet,
} from '@drawdown/domain/testing';
import type { EventStore, ReadDatabase } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { ReadModelBehind } from '../read-models';
import {
  stopAll,
  assertBooks,
  type Draft,
  draftsOf,
  emptyDatabase,
  type Projected,
  projected,
  TestLog,
} from '../testing';
import { balances } from './projector';

let database: ReadDatabase;
let store: EventStore;
let log: TestLog;
let read: Projected;

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
  read = await projected(store, database, { projectors: [balances] });
});
afterEach(() => read.runner.stop());

const READING = { organizationId: 'org_0', now: later(START, { days: 1 }) };

const ledger = (): TestLedger => {
  const made = new TestLedger({ id: 'org_0' });
  granted('lot', '10', { expiresAt: later(START, { days: 5 }) })(made);
  return made;
};

const until = async (condition: () => boolean): Promise<void> => {
  for (let tries = 0; !condition() && tries < 1_000; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
};

const failure = (): string | null | undefined =>
  read.runner.health().find(({ projector }) => projector === 'balances')?.reason;

test('leaves out what has expired at the time asked for, booked or not (INV-TIM-3)', async () => {
  await log.write(draftsOf(ledger()));
  await read.level();
  const balanceAt = async (days: number): Promise<unknown> =>
    (await read.models.wallet({ ...READING, now: later(START, { days }) }, 'credits'))?.value['balance'];
  expect(await balanceAt(4)).toMatchObject({ settled: '10', available: '10' });
  expect(await balanceAt(5)).toMatchObject({ settled: '0', available: '0' });
});

/** What the ledger has in memory is what the read model shows, at the ledger's present time. */
const sameAsInMemory = async (made: TestLedger): Promise<void> => {
  await log.write(draftsOf(made));
  await read.level();
  const { organization, now } = made;
  const reading = { organizationId: organization.id, now };
  const wallets = organization.wallets.map((wallet) => walletView(wallet, organization, now));
  expect((await read.models.wallets(reading))?.value).toEqual(wallets);
  const closed = organization.status === 'closed';
  const lots = [...organization.lots.values()].map((lot) => lotDocument(lot, now, closed));
  expect((await read.models.lots(reading, 'credits'))?.value.data).toEqual(lots);
};

const shownOf = async (made: TestLedger): Promise<unknown> =>
  (await read.models.wallet({ organizationId: 'org_0', now: made.now }, 'credits'))?.value['balance'];

test('a refund gives its cap back in the window in which it was used, and in no other (INV-LOT-5)', async () => {
  const made = new TestLedger({ id: 'org_0' });
  granted('capped', '100', { cap: { amount: '10', per: 'day' } })(made);
  used('6', { organizationId: 'org_0', id: 'today' })(made);
  used('3', { organizationId: 'org_0', id: 'also-today' })(made);
  refundCharge('today', '4')(made);
  await sameAsInMemory(made);
  expect(await shownOf(made)).toMatchObject({ available: '5', restricted: [{ amount: '90' }] });
});

test('a debt that a lot pays when it becomes effective uses its cap of that day, however late it is booked (INV-LOT-5)', async () => {
  const made = new TestLedger({ id: 'org_0' });
  granted('late', '100', { effectiveAt: later(START, { days: 1 }), cap: { amount: '10', per: 'day' } })(made);
  used('4', { organizationId: 'org_0' })(made);
  made.advance(later(START, { days: 2 }));
  await sameAsInMemory(made);
  expect(await shownOf(made)).toMatchObject({ settled: '96', available: '10' });
});

test('caps by month count over the days, and begin again with the month', async () => {
  const made = new TestLedger({ id: 'org_0' });
  granted('capped', '100', { cap: { amount: '10', per: 'calendar-month' } })(made);
  for (const days of [0, 1, 1]) {
    made.advance(later(made.now, { days }));
    used('2', { organizationId: 'org_0' })(made);
  }
  await sameAsInMemory(made);
  expect(await shownOf(made)).toMatchObject({ available: '4' });
  made.advance(later(START, { days: 31 }));
  expect(await shownOf(made)).toMatchObject({ available: '10' });
});

test('a lot that a refund lets live again shows its new end (INV-LOT-9)', async () => {
  const made = ledger();
  used('4', { organizationId: 'org_0', id: 'u' })(made);
  made.advance(later(START, { days: 6 }));
  refundCharge('u')(made);
  await sameAsInMemory(made);
  expect(await shownOf(made)).toMatchObject({ settled: '4', available: '4' });
});

test('a lot that was voided while all of it was held is shown as voided, and found so (INV-LOT-4)', async () => {
  const made = new TestLedger({ id: 'org_0' });
  granted('gone', '10')(made);
  authorizeHold('h', '10')(made);
  voidGrant('gone')(made);
  await sameAsInMemory(made);
  const reading = { organizationId: 'org_0', now: made.now };
  const found = async (state: 'voided' | 'active') =>
    (await read.models.lots(reading, 'credits', { state }))?.value.data.length;
  expect([await found('voided'), await found('active')]).toEqual([1, 0]);
});

test('a lot’s terms add up, whatever became of its rest: expired, voided, forfeited by a refund or a closure (INV-LOT-1)', async () => {
  const forfeiting = policy({ refundExpired: 'forfeit', onClose: 'forfeit' });
  const made = new TestLedger({ id: 'org_0', preset: preset({ wallets: [wallet({ policy: forfeiting })] }) });
  granted('ended', '10', { expiresAt: later(START, { days: 1 }) })(made);
  used('4', { organizationId: 'org_0', id: 'u' })(made);
  made.advance(later(START, { days: 2 }));
  refundCharge('u', '3')(made);
  granted('cancelled', '5')(made);
  voidGrant('cancelled')(made);
  granted('left', '7')(made);
  closeOrganization()(made);
  await sameAsInMemory(made);
  const terms = ['amount', 'returned', 'remaining', 'consumed', 'expired', 'voided', 'forfeited'] as const;
  const kept = await database.query<Record<(typeof terms)[number], string>>(
    `SELECT ${terms.map((term) => `trim_scale(${term})::text AS ${term}`).join(', ')} FROM lots_v9_g1 ORDER BY sequence`,
  );
  expect(kept.map((row) => terms.map((term) => row[term]))).toEqual([
    ['10', '3', '0', '4', '6', '0', '3'],
    ['5', '0', '0', '0', '0', '5', '0'],
    ['7', '0', '0', '0', '0', '0', '7'],
  ]);
});

test('shows restricted lots in the order in which the wallet would draw them', async () => {
  const made = new TestLedger({ id: 'org_0' });
  for (const [model, priority] of [
    ['c', 30],
    ['a', 10],
    ['b', 20],
  ] as const) {
    // prettier-ignore
    granted(`for-${model}`, '5', { priority, scope: { models: [model] } })(made);
  }
  await sameAsInMemory(made);
  expect(await shownOf(made)).toMatchObject({
    restricted: ['a', 'b', 'c'].map((model) => ({ scope: { models: [model] }, amount: '5' })),
  });
});

test('counts credits that were paid for', async () => {
  const drafts = draftsOf(ledger()).map((draft): Draft => {
    if (!('event' in draft) || draft.event.type !== 'CreditsGranted') return draft;
    const { data } = draft.event;
    const lot = { ...data.lot, funding: 'payment' as const, costBasis: { amount: '0.01', currency: 'USD' } };
    const event: LedgerEvent = { type: 'CreditsGranted', data: { ...data, lot } };
    return { ...draft, event };
  });
  await log.write(drafts);
  await read.level();
  expect((await read.models.wallet(READING, 'credits'))?.value).toMatchObject({
    lifetime_purchased: '10',
    lifetime_added: '10',
  });
  expect((await read.models.lots(READING, 'credits'))?.value.data[0]).toMatchObject({
    cost_basis: { amount: '0.01', currency: 'USD' },
    funding: 'payment',
  });
});

test('knows organizations and who belongs to them', async () => {
  const made = ledger();
  setRole('ann', 'owner')(made);
  setRole('bob', 'member')(made);
  setRole('bob', 'admin')(made);
  made.run({ type: 'AssignRateCard', rateCard: 'card' });
  await log.write(draftsOf(made));
  await read.level();
  expect((await read.models.organization(READING))?.value).toEqual({
    ...{ id: 'org_0', name: 'Test', preset: 'test', plan: 'standard', status: 'active', test_clock: null },
    ...{ rate_card: 'card', wallets: ['credits'] },
  });
  expect((await read.models.memberships({ userId: 'bob', now: START })).value).toEqual([
    { organization_id: 'org_0', role: 'admin' },
  ]);
  const nobody = { ...READING, organizationId: 'org_9' };
  expect(await read.models.organization(nobody)).toBeUndefined();
  expect(await read.models.wallets(nobody)).toBeUndefined();
  expect(await read.models.wallet(READING, 'none')).toBeUndefined();
  expect(await read.models.lots(READING, 'none')).toBeUndefined();
  expect(await read.models.hold(READING, 'none')).toBeUndefined();
});

test('forgets who was removed, in the same batch as later, and takes whoever comes back (INV-TEN-5)', async () => {
  const made = ledger();
  const rolesOf = async (drafts: readonly Draft[]): Promise<unknown> => {
    await log.write(drafts);
    await read.level();
    const figures = await read.models.organizationFigures({ organizationId: 'org_0' });
    return Object.fromEntries(figures?.value.members ?? []);
  };
  for (const step of [
    setRole('ann', 'owner'),
    setRole('bob', 'member'),
    setRole('eve', 'admin'),
    removeMember('eve'),
    setRole('dan', 'admin'),
    removeMember('dan'),
    setRole('dan', 'member'),
  ])
    step(made);
  const before = draftsOf(made);
  expect(await rolesOf(before)).toEqual({ ann: 'owner', bob: 'member', dan: 'member' });
  removeMember('bob')(made);
  const removed = draftsOf(made);
  expect(await rolesOf(removed.slice(before.length))).toEqual({ ann: 'owner', dan: 'member' });
  expect((await read.models.memberships({ userId: 'bob', now: START })).value).toEqual([]);
  setRole('bob', 'admin')(made);
  expect(await rolesOf(draftsOf(made).slice(removed.length))).toEqual({ ann: 'owner', bob: 'admin', dan: 'member' });
});

test('shows an organization that was frozen as suspended, for decisions about access, too', async () => {
  const made = ledger();
  await log.write(draftsOf(made));
  await read.level();
  expect(await read.models.activeOrganizations(['org_0', 'nobody'])).toEqual(new Set(['org_0']));
  const event: LedgerEvent = { type: 'OrganizationFrozen', data: { invariant: 'INV-WAL-1', violations: ['x'] } };
  await log.write([{ event, organizationId: 'org_0', at: later(START, { days: 1 }) }]);
  await read.level();
  expect((await read.models.organization(READING))?.value).toMatchObject({ status: 'suspended' });
  expect(await read.models.activeOrganizations(['org_0', 'nobody'])).toEqual(new Set());
  const figures = await read.models.organizationFigures({ organizationId: 'org_0' });
  if (figures === undefined) throw new Error('the organization is not there');
  const built = organizationOf(figures.value);
  expect(organizationView(built, READING.now)).toMatchObject({ status: 'suspended' });
  const request = { serviceType: 'llm_call', model: null, workspaceId: null, userId: null, estimate: null };
  expect(checkAccess(built, undefined, request, READING.now)).toMatchObject({ allowed: false, code: 'suspended' });
});

test('answers once it has reached what the caller has seen, or says that it is behind (INV-DEL-5)', async () => {
  const made = ledger();
  used('1', { organizationId: 'org_0' })(made);
  const drafts = draftsOf(made);
  await log.write(drafts.slice(0, -1));
  await read.level();
  const after = new Map([['0', 2], ['7', 99], ['c', 5]]); // prettier-ignore
  const waiting = read.models.wallet({ ...READING, after }, 'credits');
  await log.write(drafts.slice(-1));
  expect(await waiting).toMatchObject({
    value: { balance: { settled: '9' } },
    asOf: {
      position: new Map([
        ['0', 2],
        ['c', 5],
      ]),
    },
  });
  const never = read.models.wallet({ ...READING, after: new Map([['0', 3]]) }, 'credits');
  await expect(never).rejects.toThrow(ReadModelBehind);
});

test('a lot that would not add up is refused by the database, before the event that it is in (INV-LOT-1)', async () => {
  const made = ledger();
  used('4', { organizationId: 'org_0' })(made);
  const drafts = draftsOf(made).map((draft): Draft => {
    if (!('charge' in draft)) return draft;
    const slices = draft.charge.slices.map((slice) => ({ ...slice, amount: amount('11') }));
    return { ...draft, charge: { ...draft.charge, slices } };
  });
  await log.write(drafts);
  const health = () => read.runner.health().find(({ projector }) => projector === 'balances');
  await until(() => health()?.at !== null);
  expect(health()).toMatchObject({ state: 'failing', revision: 1, at: { revision: 2 } });
  expect(failure()).toContain('violates check constraint');
});

test('a change of what is not there stops the read model', async () => {
  const made = ledger();
  used('4', { organizationId: 'org_0' })(made);
  await log.write(draftsOf(made).filter((draft) => 'charge' in draft || draft.event.type !== 'CreditsGranted'));
  await until(() => failure() !== null);
  expect(failure()).toContain('lots_v9_g1 has 0 of 1 rows that events change');
});

test('the check of the books sees what is wrong with them', async () => {
  await read.runner.stop();
  read = await projected(store, database); // the books are those of all read models
  const made = ledger();
  used('4', { organizationId: 'org_0' })(made);
  await log.write(draftsOf(made));
  await read.level();
  await assertBooks(database);
  const faults: readonly (readonly [sql: string, seen: string])[] = [
    ['UPDATE lots_v9_g1 SET remaining = remaining + 1, consumed = consumed - 1', 'SQL-2'],
    ['UPDATE wallets_v9_g1 SET held = 1', 'SQL-2'],
    ['UPDATE wallets_v9_g1 SET settled = 7', 'SQL-4 wallets'],
    ['UPDATE wallets_v9_g1 SET lifetime_spent = 3', 'SQL-4 wallets'],
    ['UPDATE transactions_v4_g1 SET sequence = 9 WHERE sequence = 2', 'SQL-4'],
    ['UPDATE transactions_v4_g1 SET balance_before = 1, balance_after = 11 WHERE sequence = 1', 'SQL-4'],
    ['UPDATE breakdown_hours_v2_g1 SET credits = 3', 'SQL-5 cube'],
    ['DELETE FROM breakdown_hours_v2_g1', 'SQL-5 cube'],
    ['UPDATE burn_hours_v2_g1 SET credits = 3', 'SQL-5 burn rate'],
    [`UPDATE transactions_v4_g1 SET slices = '' WHERE sequence = 2`, 'INV-LOT-8'],
  ];
  for (const [sql, seen] of faults) {
    const broken = database.transaction(async (tx) => {
      await tx.query(sql);
      await assertBooks(tx);
    });
    await expect(broken).rejects.toThrow(`${seen}: `);
  }
  await assertBooks(database);
});
