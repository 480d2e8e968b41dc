import { credits, type Credits, type Instant, NO_CREDITS, smaller } from '@drawdown/kernel';
import { capWindowOf, type ConsumptionCap } from './wire';

/** A lot as far as it matters for what it pays when it takes effect. */
interface WaitingLot {
  readonly activated: boolean;
  readonly effectiveAt: Instant;
  readonly expiresAt: Instant | null;
  readonly remaining: Credits;
  readonly held: Credits;
  readonly cap: ConsumptionCap | null;
  readonly capWindow: string;
  readonly capUsed: Credits;
}

interface WaitingWallet {
  readonly debt: Credits;
  /** Lots with something remaining, in draw order. */
  readonly live: readonly WaitingLot[];
}

/** What a lot pays of a debt at the moment it takes effect (INV-LOT-7). */
export const debtPaidBy = (
  { effectiveAt, expiresAt, remaining, held }: Omit<WaitingLot, 'activated'>,
  debt: Credits,
): Credits => (expiresAt !== null && expiresAt <= effectiveAt ? NO_CREDITS : smaller(credits(remaining - held), debt));

/**
 * The wallet with its debt paid by the lots that have taken effect by `now` without a booking that says so. Settling is
 * independent of when it runs (INV-TIM-6): a lot that is over by now paid when it began, and only its rest expired. The
 * same wallet where nothing of this is due; not for one whose organization is closed, where nothing falls due any more. In a
 * frozen one it is booked when that ends, as of the instant at which the lot took effect.
 */
export const withDueActivations = <W extends WaitingWallet>(wallet: W, now: Instant): W => {
  if (wallet.debt === NO_CREDITS) return wallet;
  const due = dueActivations(wallet.live, now);
  if (due.length === 0) return wallet;
  let { debt } = wallet;
  const after = new Map<WaitingLot, WaitingLot>();
  for (const lot of due) {
    const paid = debtPaidBy(lot, debt);
    debt = credits(debt - paid);
    after.set(lot, activatedBy(lot, paid));
  }
  const live = wallet.live.map((lot) => after.get(lot) ?? lot).filter(({ remaining }) => remaining > 0n);
  return { ...wallet, debt, live };
};

/** Lots that have taken effect by `now` without a booking that says so, as they will be booked. */
export const dueActivations = <L extends Pick<WaitingLot, 'activated' | 'effectiveAt'>>(
  live: readonly L[],
  now: Instant,
): L[] =>
  live
    .filter(({ activated, effectiveAt }) => !activated && effectiveAt <= now)
    // Of several at one instant, the first in draw order: sorting keeps it.
    .sort((a, b) => (a.effectiveAt < b.effectiveAt ? -1 : a.effectiveAt > b.effectiveAt ? 1 : 0));

/** Its cap counts the payment in the window in which it took effect; nothing was drawn from it before. */
const activatedBy = (lot: WaitingLot, paid: Credits): WaitingLot => ({
  ...lot,
  activated: true,
  remaining: credits(lot.remaining - paid),
  ...(lot.cap === null ? {} : { capWindow: capWindowOf(lot.cap, lot.effectiveAt), capUsed: paid }),
});
