import { credits } from '@drawdown/kernel';
import type { Booking } from '../events';
import {
  amount,
  authorizeHold,
  checkInvariants,
  given,
  granted,
  inOrganization,
  policy,
  preset,
  releaseHold,
  START,
  TestLedger,
  used,
  wallet,
} from '../testing';
import { bookingViolations, lotViolations, violations, violationsBy } from './invariants';
import { type Hold, type Lot, type Organization, ownMap, type Wallet, walletNamed } from './state';

const books = (): { organization: Organization; credit: Wallet; first: Lot; second: Lot; hold: Hold } => {
  const { ledger } = inOrganization({
    preset: preset({ wallets: [wallet({ policy: policy({ overdraftLimit: amount('5') }) }), wallet({ key: 'usd' })] }),
  }).given(
    granted('first', '10', { priority: 1 }),
    granted('second', '10'),
    authorizeHold('h', '22'),
    releaseHold('h'),
    used('3'),
  );
  authorizeHold('open', '12')(ledger);
  const { organization } = ledger;
  const credit = walletNamed(organization, 'credits');
  const [first, second] = [...organization.lots.values()];
  const hold = [...organization.holds.values()][1];
  if (credit === undefined || first === undefined || second === undefined || hold === undefined)
    throw new Error('no books');
  return { organization, credit, first, second, hold };
};
const one = credits(1n);

describe('the books of an organization', () => {
  test('add up', () => {
    const { organization, credit } = books();
    expect(violations(organization)).toEqual([]);
    expect(violations(organization, credit)).toEqual([]);
    expect(violationsBy(organization, { lots: new Set(), holds: new Set() })).toEqual([]);
    checkInvariants(organization);
  });

  test.each<[string, (of: ReturnType<typeof books>) => void, boolean?]>([
    ['INV-LOT-1', ({ first }) => (first.consumed = credits(first.consumed + 1n))],
    ['INV-LOT-1', ({ first }) => (first.returned = one)],
    ['INV-LOT-1', ({ first }) => ([first.voided, first.forfeited] = [one, credits(-1n)])],
    ['INV-LOT-1', ({ first }) => (first.held = credits(first.remaining + 1n))],
    ['INV-LOT-1', ({ second }) => (second.held = credits(-1n))],
    ['INV-LOT-2', ({ credit }) => (credit.settled = credits(credit.settled + 1n))],
    ['INV-LOT-2', ({ credit }) => (credit.debt = one)],
    ['INV-LOT-2', ({ credit }) => ([credit.debt, credit.settled] = [credits(-1n), credits(credit.settled + 1n)])],
    ['INV-LOT-2', ({ credit }) => (credit.held = credits(0n))],
    ['INV-LOT-2', ({ credit, first }) => credit.live.splice(credit.live.indexOf(first), 1)],
    [
      'INV-LOT-2',
      ({ credit, first }) => {
        credit.live[0] = { ...first };
      },
    ],
    ['INV-LOT-2', ({ organization, first }) => walletNamed(organization, 'usd')?.live.push(first)],
    [
      'INV-LOT-2',
      ({ credit, first }) => {
        [first.remaining, first.held, first.consumed] = [credits(0n), credits(0n), first.amount];
        credit.settled = credits(credit.settled - amount('7'));
        credit.held = credits(credit.held - amount('7'));
      },
    ],
    ['INV-LOT-3', ({ credit }) => credit.live.reverse()],
    ['INV-LOT-3', ({ credit, first }) => credit.live.push(first)],
    ['INV-LED-1', ({ credit }) => (credit.sequence = 1)],
    ['INV-LED-1', ({ credit }) => (credit.sequence = Number.NaN)],
    [
      'INV-HLD-3',
      ({ first, second }) => {
        first.held = credits(first.held - 1n);
        second.held = credits(second.held + 1n);
      },
      true,
    ],
    ['INV-HLD-3', ({ credit }) => (credit.held = credits(credit.held + 1n))],
    ['INV-HLD-3', ({ hold }) => (hold.overdraft = one), true],
    ['INV-HLD-3', ({ hold }) => (hold.overdraft = credits(-1n)), true],
    ['INV-HLD-3', ({ organization, hold }) => ownMap(organization.holds).delete(hold.id), true],
    ['INV-HLD-1', ({ hold }) => (hold.state = 'captured'), true],
  ])('%s is reported where it is broken (%#)', (invariant, damage, wholeOnly = false) => {
    const of = books();
    damage(of);
    const found = violations(of.organization);
    expect(found.some((text) => text.startsWith(`${invariant}:`))).toBe(true);
    expect(() => {
      checkInvariants(of.organization);
    }).toThrow(invariant);
    // So it is where these lots and holds are said to be what was changed.
    const { organization } = of;
    const moved = { lots: new Set(organization.lots.keys()), holds: new Set(organization.holds.keys()) };
    expect(violationsBy(organization, moved).join('\n')).toContain(`${invariant}:`);
    // A wallet alone is checked without looking at every hold.
    const alone = of.organization.wallets.flatMap((each) => violations(of.organization, each));
    expect(alone.length > 0).toBe(!wholeOnly);
  });

  test('INV-LOT-1 is looked at in spent lots, too', () => {
    const { ledger } = given(granted('spent', '10'), used('10'));
    const [lot] = ledger.organization.lots.values();
    if (lot === undefined) throw new Error('no lot');
    expect(lotViolations(lot)).toEqual([]);
    lot.consumed = credits(lot.consumed + 1n);
    expect(lotViolations(lot)).toHaveLength(1);
    expect(violations(ledger.organization)).toHaveLength(1);
    const changed = (...lots: string[]) => violationsBy(ledger.organization, { lots: new Set(lots), holds: new Set() });
    expect(changed()).toHaveLength(0); // it was not changed
    expect(changed(lot.id)).toHaveLength(1);
    expect(changed('unknown')).toHaveLength(1);
  });

  test('a lot with something left that is not live, and one that is not the wallet’s, are reported', () => {
    const { organization, credit, second } = books();
    second.remaining = credits(0n);
    const stray: Lot = { ...second, id: 'stray' };
    credit.live.push(stray);
    expect(violations(organization, credit).join('\n')).toContain('stray');
  });
});

describe('a booking', () => {
  const { credit } = books();
  const booking: Booking = {
    ...{ transactionId: 't', kind: 'void', wallet: 'credits', slices: [], policyVersion: 1, eventTime: START },
    sequence: credit.sequence + 1,
    credited: credits(0n),
    debited: one,
    balanceBefore: credit.settled,
    balanceAfter: credits(credit.settled - 1n),
    debt: credits(0n),
  };

  test.each<[string, Partial<Booking>, number]>([
    ['as it should be', {}, 0],
    ['with a number that is not the next', { sequence: credit.sequence + 2 }, 1],
    ['with a number used before', { sequence: credit.sequence }, 1],
    ['with another balance before', { balanceBefore: credits(credit.settled + 1n), balanceAfter: credit.settled }, 1],
    ['with balances that differ by something else', { debited: credits(2n) }, 1],
  ])('INV-LED-1: %s', (_, changes, count) => {
    expect(bookingViolations(credit, { ...booking, ...changes })).toHaveLength(count);
  });
});

test('the test ledger refuses a fact whose books do not add up', () => {
  const ledger = new TestLedger();
  granted('lot', '10')(ledger);
  const fact = ledger.log[1];
  if (fact?.kind !== 'event') throw new Error('no grant');
  expect(() => {
    ledger.book(fact.event);
  }).toThrow('INV-LED-1');
});
