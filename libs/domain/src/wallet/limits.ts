import { refuse } from '@drawdown/kernel';
import type { Refusal } from './commands';
import type { Organization } from './state';

/**
 * What an organization may have alive at once. What happened has to be bookable: a charge over all of these lots, its refund,
 * the end of a hold and a closing each fit into one append, however long the amounts are. And the books of all that is alive
 * are checked with every append, for which everybody else on the shard waits.
 */
const WALLET_LIMITS = {
  /** Lots with something left, of all wallets; those that begin later, too. */
  lots: 4_000,
  /** Lots that one hold sets aside. */
  lotsOfHold: 2_000,
  openHolds: 20_000,
};

type Refused = ReturnType<typeof refuse<Refusal>>;
const tooMany = (detail: string): Refused => refuse<Refusal>({ code: 'too_many_items', detail });

/** Why the organization may have no further lot; null where it may. */
export const lotRefusal = ({ wallets }: Pick<Organization, 'wallets'>): Refused | null =>
  wallets.reduce((lots, { live }) => lots + live.length, 0) < WALLET_LIMITS.lots
    ? null
    : tooMany(
        `an organization has at most ${String(WALLET_LIMITS.lots)} lots with something left; grant fewer and larger ones`,
      );

/** Why the organization may have no further open hold; null where it may. */
export const holdRefusal = ({ openHolds }: Pick<Organization, 'openHolds'>): Refused | null =>
  openHolds.size < WALLET_LIMITS.openHolds
    ? null
    : tooMany(
        `an organization has at most ${String(WALLET_LIMITS.openHolds)} open holds; release those that are not used`,
      );

/** Why a hold may not set these lots aside; null where it may. */
export const heldLotsRefusal = (slices: readonly { readonly lotId: string }[]): Refused | null =>
  slices.length <= WALLET_LIMITS.lotsOfHold ||
  new Set(slices.map(({ lotId }) => lotId)).size <= WALLET_LIMITS.lotsOfHold
    ? null
    : tooMany(`a hold takes from at most ${String(WALLET_LIMITS.lotsOfHold)} lots; hold less, in several holds`);
