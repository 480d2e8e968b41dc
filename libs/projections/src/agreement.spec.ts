import { openTestDatabase } from '@drawdown/adapters/testing';
import { evolve, type Organization, settleNext, walletBalances, walletNamed } from '@drawdown/domain';
import {
  changePolicy,
  closeOrganization,
  type Operation,
  operations,
  perform,
  presetOf,
  replay,
  type Rules,
  rules,
  START,
  TestLedger,
} from '@drawdown/domain/testing';
import { balanceDocument } from '@drawdown/domain/events';
import {
  credits,
  DAY_MICROS,
  formatDecimal,
  type Instant,
  type JsonObject,
  shift,
  storedCredits,
} from '@drawdown/kernel';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import { BREAKDOWN_KEYS, type BreakdownKey, type Reading } from './read-models';
import {
  assertBooks,
  type Draft,
  emptyDatabase,
  fileDatabase,
  inTime,
  type Projected,
  projected,
  TestLog,
} from './testing';

const database = fileDatabase(openTestDatabase);

const WALLET = 'credits';

/** The wallet's balances at an instant, as the state that is given shows them. */
const shownOf = (organization: Organization, at: Instant): JsonObject => {
  const wallet = walletNamed(organization, WALLET);
  if (wallet === undefined) throw new Error('no wallet');
  return balanceDocument(walletBalances(wallet, organization, at));
};

/** What the ledger answers as of an instant: its log up to then, with what was due by then (INV-TIM-6). */
const asOf = ({ log, organization: { id } }: TestLedger, at: Instant): Organization | undefined => {
  const facts = log.filter((fact) => fact.at <= at);
  if (facts.length === 0) return undefined;
  const organization = replay(facts, undefined, id);
  for (let due = settleNext(organization, at); due.length > 0; due = settleNext(organization, at)) {
    for (const event of due) evolve(organization, event, at);
  }
  return organization;
};

interface Played {
  readonly ledger: TestLedger;
  /** What was shown at each instant at which something was done, after it. */
  readonly shown: ReadonlyMap<Instant, JsonObject>;
}

interface History {
  readonly how: Rules;
  readonly list: readonly Operation[];
  /** After which operation the policy becomes another one. */
  readonly changed: { readonly after: number; readonly to: Rules };
  /** What its closure does with what is left; null where it stays open. */
  readonly onClose: 'keep' | 'forfeit' | null;
}
const history: fc.Arbitrary<History> = fc.record({
  how: rules,
  list: fc.array(operations, { minLength: 5, maxLength: 60, size: 'max' }),
  changed: fc.record({ after: fc.nat(80), to: rules }),
  onClose: fc.constantFrom(null, 'keep', 'forfeit'),
});

/** One organization lives through a history; what is due is booked when the next thing is done, be it weeks later. */
const play = ({ how, list, changed, onClose }: History, id: string): Played => {
  const ledger = new TestLedger({ id, preset: presetOf(how) });
  const shown = new Map<Instant, JsonObject>();
  const show = (): void => void shown.set(ledger.now, shownOf(ledger.organization, ledger.now));
  for (const [n, operation] of list.entries()) {
    perform(ledger, operation, n, how);
    const { order, onShortfall, overCapture, refundExpired } = changed.to;
    if (n === changed.after) changePolicy({ drawOrder: order, onShortfall, overCapture, refundExpired })(ledger);
    show();
  }
  if (onClose !== null) {
    changePolicy({ onClose })(ledger);
    closeOrganization()(ledger);
    show();
  }
  return { ledger, shown };
};

const draftsOf = ({ log, organization }: TestLedger): Draft[] =>
  log.map((fact) =>
    fact.kind === 'charge'
      ? { charge: fact.charge, at: fact.at }
      : { event: fact.event, organizationId: organization.id, at: fact.at },
  );

/** Instants at which something is due, and those beside them. */
const dueAround = ({ organization }: TestLedger): Instant[] =>
  [
    ...[...organization.lots.values()].flatMap(({ effectiveAt, expiresAt }) => [effectiveAt, expiresAt]),
    ...[...organization.holds.values()].map(({ expiresAt }) => expiresAt),
  ].flatMap((at) => (at === null ? [] : [shift(at, -1n), at]));

/** Of agents only what agents used is broken down. */
const BREAKDOWNS = BREAKDOWN_KEYS.filter((key) => key !== 'agent');

const compare = async ({ models }: Projected, { ledger, shown }: Played, by: BreakdownKey): Promise<void> => {
  const organizationId = ledger.organization.id;
  const settledAt = (at: Instant): unknown => {
    const organization = asOf(ledger, at);
    return organization === undefined ? '0' : shownOf(organization, at)['settled'];
  };
  for (const [at, then] of shown) {
    const organization = asOf(ledger, at);
    expect([at, organization && shownOf(organization, at)]).toEqual([at, then]);
  }
  // A hold that has ended without a booking of it is shown as it is booked.
  const ends = [...ledger.organization.openHolds.values()].map(({ expiresAt }) => shift(expiresAt, -1n));
  const [now = ledger.now] = [shift(ledger.now, 3n * DAY_MICROS + 7n), ...ends].sort();
  for (const at of new Set([ledger.now, now, ...dueAround(ledger)])) {
    if (at < ledger.now || at > now) continue;
    const organization = asOf(ledger, at);
    const wallet = await models.wallet({ organizationId, now: at }, WALLET);
    expect([at, wallet?.value['balance']]).toEqual([at, organization && shownOf(organization, at)]);
  }
  const { data = [] } =
    (await models.burndown({ organizationId, now }, { wallet: WALLET, period: 'all' }))?.value ?? {};
  for (const { time, balance } of data) expect([time, balance]).toEqual([time, settledAt(time)]);
  let sum = 0n;
  const consumed: { readonly at: Instant; readonly amount: bigint }[] = [];
  for (const row of await transactionsOf(models, { organizationId, now })) {
    const debited = storedCredits(row.credits_debited);
    sum += storedCredits(row.credits_credited) - debited;
    expect([row.id, row.balance_after]).toEqual([row.id, formatDecimal(sum)]);
    if (row.kind === 'consumption') consumed.push({ at: row.event_time, amount: debited });
  }
  expect(formatDecimal(sum)).toBe(formatDecimal(walletNamed(ledger.organization, WALLET)?.settled ?? credits(-1n)));
  const instants = [...shown.keys()];
  const [from = now, to = now] = [instants[instants.length >> 2], instants[(instants.length * 3) >> 2]];
  const spentIn = (first: Instant, before: Instant | null): string =>
    formatDecimal(
      consumed.reduce(
        (all, { at, amount }) => (at >= first && (before === null || at < before) ? all + amount : all),
        0n,
      ),
    );
  const all = await models.breakdown({ organizationId, now }, { by, period: 'all' });
  const some = await models.breakdown({ organizationId, now }, { by, from, to });
  expect([by, all.value.total, some.value.total]).toEqual([by, spentIn(START, null), spentIn(from, to)]);
  const spending = await models.spending({ organizationId, now }, { period: '90d', bucket: 'day' });
  expect(spending.value.total).toBe(spentIn(spending.value.data[0]?.start ?? now, null));
};

interface Shown {
  readonly id: string;
  readonly kind: string;
  readonly event_time: Instant;
  readonly credits_credited: string;
  readonly credits_debited: string;
  readonly balance_after: string;
}
const transactionsOf = async ({ transactions }: Projected['models'], reading: Reading): Promise<Shown[]> => {
  const rows: Shown[] = [];
  let cursor: string | null = null;
  do {
    const { value } = await transactions(reading, { order: 'asc', limit: 500, cursor });
    rows.push(...(value.data as unknown as Shown[]));
    cursor = value.next_cursor;
  } while (cursor !== null);
  return rows;
};

const agree = async (histories: readonly History[]): Promise<void> => {
  await emptyDatabase(database);
  const played = histories.map((one, n) => play(one, `org_${String(n)}`));
  const store = inMemoryEventStore();
  await new TestLog(store).write(played.flatMap(({ ledger }) => draftsOf(ledger)));
  const made = await projected(store, database);
  await made.level();
  // Consumption of each is broken down by one of the keys, in turn: the rows below are the same.
  for (const [n, one] of played.entries()) await compare(made, one, BREAKDOWNS[n % BREAKDOWNS.length] ?? 'user');
  await assertBooks(database);
  await made.runner.stop();
};

test('INV-AUD-5, INV-DEL-10: of an instant the ledger then and later, read models, burndown and transactions say the same, whatever happened', async () => {
  // Few databases with many histories each: to fill another one takes as long as to look at five of them.
  const histories = fc.array(history, { minLength: 12, maxLength: 16, size: 'max' });
  await fc.assert(fc.asyncProperty(histories, inTime(8_000, agree)), { numRuns: 4 });
}, 60_000);
