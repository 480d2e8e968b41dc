import { type Credits, credits, NO_CREDITS, plus, unreachable } from '@drawdown/kernel';
import type { OwnEvent } from '../events';
import { type HeldSlice, type Hold, holdOf, lotOf, type Organization, ownMap, type Wallet, walletOf } from './state';
import { addOpenHold, removeOpenHold } from './timetable';

type HoldEvent = Extract<
  OwnEvent,
  { type: 'HoldAuthorized' | 'HoldExtended' | 'HoldCaptured' | 'HeldCreditsEnded' | 'HoldReleased' | 'HoldExpired' }
>;

/** What an event does to its hold, beside the amounts it moves. */
export const applyHold = (organization: Organization, event: HoldEvent): void => {
  const wallet = walletOf(organization, event.data.wallet);
  switch (event.type) {
    case 'HoldAuthorized': {
      const { holdId, slices, overdraft, expiresAt, serviceType, reference } = event.data;
      const amount = credits(slices.reduce((total, slice) => total + slice.amount, 0n) + overdraft);
      if (organization.holds.has(holdId)) throw new Error(`${organization.id} has a hold ${holdId} already`);
      const hold: Hold = {
        id: holdId,
        wallet: wallet.key,
        amount,
        total: amount,
        slices: slices.map((slice) => ({ ...slice, lapsed: false })),
        overdraft,
        captured: NO_CREDITS,
        state: 'open',
        expiresAt,
        serviceType,
        reference,
        authorizedAt: organization.lastBookedAt,
      };
      organization.holds = ownMap(organization.holds).set(holdId, hold);
      organization.openHolds = ownMap(organization.openHolds).set(holdId, hold);
      addOpenHold(organization, hold);
      overdraw(wallet, overdraft);
      return;
    }
    case 'HoldExtended': {
      const hold = holdOf(organization, event.data.holdId);
      removeOpenHold(organization, hold);
      hold.expiresAt = event.data.expiresAt;
      addOpenHold(organization, hold);
      for (const slice of event.data.slices) {
        hold.slices.push({ ...slice, lapsed: false });
        hold.total = plus(hold.total, slice.amount);
      }
      hold.overdraft = plus(hold.overdraft, event.data.overdraft);
      hold.total = plus(hold.total, event.data.overdraft);
      overdraw(wallet, event.data.overdraft);
      return;
    }
    case 'HoldCaptured': {
      const hold = holdOf(organization, event.data.holdId);
      for (const move of event.data.moves) {
        if (move.move === 'release') takeFromHold(hold.slices, move.lotId, move.amount);
      }
      hold.slices = hold.slices.filter((slice) => slice.amount > 0n);
      hold.overdraft = credits(hold.overdraft - event.data.overdraftReleased);
      overdraw(wallet, credits(-event.data.overdraftReleased));
      hold.captured = plus(hold.captured, event.data.booking.debited);
      if (event.data.final) endHold(organization, hold, 'captured');
      return;
    }
    case 'HeldCreditsEnded': {
      const { holdId, booking } = event.data;
      const hold = holdOf(organization, holdId);
      for (const { lotId, amount } of booking.slices) takeFromHold(hold.slices, lotId, amount);
      hold.slices = hold.slices.filter((slice) => slice.amount > 0n);
      return;
    }
    case 'HoldReleased':
    case 'HoldExpired': {
      const hold = holdOf(organization, event.data.holdId);
      endHold(organization, hold, event.type === 'HoldReleased' ? 'released' : 'expired');
      hold.slices = [];
      overdraw(wallet, credits(-event.data.overdraft));
      hold.overdraft = NO_CREDITS;
      return;
    }
    default:
      unreachable(event);
  }
};

/** Open holds may overdraw so much more; less, where it is negative. */
const overdraw = (wallet: Wallet, more: Credits): void => {
  wallet.held = plus(wallet.held, more);
  wallet.overdrafts = plus(wallet.overdrafts, more);
};

const endHold = (organization: Organization, hold: Hold, state: Hold['state']): void => {
  hold.state = state;
  ownMap(organization.openHolds).delete(hold.id);
  removeOpenHold(organization, hold);
};

/** A lot that had expired lives on; what holds have set aside of it does not. */
export const markLapsed = (organization: Organization, lotId: string): void => {
  if (lotOf(organization, lotId).held === NO_CREDITS) return;
  for (const { slices } of organization.openHolds.values()) {
    for (const slice of slices) if (slice.lotId === lotId) slice.lapsed = true;
  }
};

const takeFromHold = (slices: readonly HeldSlice[], lotId: string, amount: Credits): void => {
  let left: bigint = amount;
  for (const slice of slices) {
    if (slice.lotId !== lotId || left === 0n) continue;
    const part = slice.amount < left ? slice.amount : left;
    slice.amount = credits(slice.amount - part);
    left -= part;
  }
  if (left !== 0n) throw new Error(`a hold releases more of ${lotId} than it holds`);
};
