import type { Booking } from '@drawdown/domain';
import { amount } from '@drawdown/domain/testing';
import { checkAfter, checkBefore, checkTouched, InvariantViolated } from './invariants';
import { ACME, openLedger, withOrganization } from './testing';

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
  return { resident, booking };
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
  const wallet = resident.organization.wallets.get('credits');
  if (wallet !== undefined) wallet.debt = amount('-1');
  expect(() => checkTouched(new Set([resident]))).toThrow(
    expect.objectContaining({ organizationId: ACME, invariant: 'INV-LOT-2', code: 'invariant_violated' }) as Error,
  );
  expect(new InvariantViolated(ACME, ['it does not add up']).invariant).toBe('unknown');
});
