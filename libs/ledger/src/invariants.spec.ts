import { type Booking, readRecorded, walletNamed } from '@drawdown/domain';
import { amount } from '@drawdown/domain/testing';
import { checkAfter, checkBefore, checkCharged, InvariantViolated, Touched } from './invariants';
import { ACME, openLedger, SENDER, used, withOrganization } from './testing';

const opened = async () => {
  const world = await openLedger();
  await withOrganization(world, { credits: '10' });
  const resident = (await world.state()).residents.get(ACME);
  if (resident === undefined) throw new Error('no organization');
  const amounts = { credited: amount('0'), debited: amount('4'), debt: amount('0') };
  const booking: Booking = {
    ...{ transactionId: 'txn_1', kind: 'consumption', wallet: 'credits', sequence: 2, slices: [], policyVersion: 1 },
    ...{
      ...amounts,
      balanceBefore: amount('10'),
      balanceAfter: amount('6'),
      eventTime: resident.organization.createdAt,
    },
  };
  return { world, resident, booking };
};

test('INV-LED-1: a booking follows on the wallet’s last: number, balance before, and what it moves', async () => {
  const { resident, booking } = await opened();
  expect(() => checkBefore(resident, booking)).not.toThrow();
  for (const wrong of [
    { sequence: 3 },
    { balanceBefore: amount('9') },
    { balanceAfter: amount('7') },
    { wallet: 'other' },
  ]) {
    expect(() => checkBefore(resident, { ...booking, ...wrong })).toThrow(InvariantViolated);
  }
});

test('INV-LED-1: what was booked left the balance that it says', async () => {
  const { resident, booking } = await opened();
  expect(() => checkAfter(resident, { ...booking, balanceAfter: amount('10') })).not.toThrow();
  expect(() => checkAfter(resident, booking)).toThrow('INV-LED-1');
});

test('a violation names its organization, and its invariant for the metric', async () => {
  const { resident } = await opened();
  const wallet = walletNamed(resident.organization, 'credits');
  if (wallet !== undefined) wallet.debt = amount('-1');
  const touched = new Touched();
  touched.booked(resident.organization, { type: 'RateCardAssigned', data: { rateCard: 'card', previous: null } });
  expect(() => touched.check()).toThrow(
    expect.objectContaining({ organizationId: ACME, invariant: 'INV-LOT-2', code: 'invariant_violated' }) as Error,
  );
  expect(new InvariantViolated(ACME, ['it does not add up']).invariant).toBe('unknown');
});

describe('what only charges touched', () => {
  test('INV-LOT-2: is checked in the wallet that they were drawn from', async () => {
    const { resident } = await opened();
    const [lot] = [...resident.organization.lots.values()];
    if (lot !== undefined) lot.remaining = amount('9');
    const touched = new Touched();
    touched.wallet(resident.organization, 'credits');
    expect(() => touched.check()).toThrow('INV-LOT-1');
  });

  test('INV-LOT-2: is checked at once where the wallet has few lots, and with the others where it has many', async () => {
    const { resident } = await opened();
    const wallet = walletNamed(resident.organization, 'credits');
    const [lot] = [...resident.organization.lots.values()];
    if (wallet === undefined || lot === undefined) throw new Error('there is nothing to tamper with');
    const touched = new Touched();
    expect(() => {
      touched.charged(resident.organization, 'credits');
    }).not.toThrow();
    lot.remaining = amount('9');
    expect(() => {
      touched.charged(resident.organization, 'credits');
    }).toThrow('INV-LOT-1');
    wallet.live = Array.from({ length: 9 }, () => lot);
    expect(() => {
      touched.charged(resident.organization, 'credits');
    }).not.toThrow();
    expect(() => touched.check()).toThrow('INV-LOT-1');
  });

  test('is checked with its open holds as soon as anything else touched it', async () => {
    const { resident } = await opened();
    const [lot] = [...resident.organization.lots.values()];
    if (lot !== undefined) lot.held = amount('1'); // which no hold says
    const wallet = walletNamed(resident.organization, 'credits');
    if (wallet !== undefined) wallet.held = amount('1');
    const [charges, both] = [new Touched(), new Touched()];
    charges.wallet(resident.organization, 'credits');
    expect(() => charges.check()).not.toThrow();
    both.booked(resident.organization, { type: 'RateCardAssigned', data: { rateCard: 'card', previous: null } });
    both.wallet(resident.organization, 'credits');
    expect(() => both.check()).toThrow('INV-HLD-3');
  });

  test('INV-LOT-1: a lot that a charge used up is checked, though it is live no more', async () => {
    const { world, resident } = await opened();
    const charged = await world.ledger.charge([used('a', '10')], SENDER);
    expect(charged.outcomes[0]?.outcome).toBe('charged');
    const [lot] = [...resident.organization.lots.values()];
    const [stored] = (await world.store.read('ledger-0', 0, 99)).filter(({ type }) => type === 'UsageCharged');
    const recorded = stored === undefined ? undefined : readRecorded(0, stored).event;
    const [charge] = recorded?.type === 'UsageCharged' ? recorded.data.charges : [];
    if (lot === undefined || charge === undefined) throw new Error('nothing was charged');
    expect(lot.remaining).toBe(0n);
    expect(() => checkCharged(resident, charge)).not.toThrow();
    lot.consumed = amount('11');
    expect(() => checkCharged(resident, charge)).toThrow('INV-LOT-1');
  });
});
