import type { Instant } from '@drawdown/kernel';
import type { OwnEvent, Slice } from '../events';
import { merged, upTo } from './slices';
import { isExpired, lotOf, type Organization, type Wallet } from './state';

type DebtPaid = Extract<OwnEvent, { type: 'DebtPaid' }>;

/**
 * What comes free in a wallet that owes pays the debt as a grant does, whatever its lot's scope and cap (INV-LOT-7): else
 * both stand side by side, and the credits expire while the debt stays. `freed` is not over at `effectiveAt`, `debt` what is
 * owed then.
 */
export const debtPaidByFreed = (
  { key: wallet, debt }: Pick<Wallet, 'key' | 'debt'>,
  freed: readonly Slice[],
  effectiveAt: Instant,
): DebtPaid[] => {
  const slices = upTo(freed, debt);
  return slices.length === 0 ? [] : [{ type: 'DebtPaid', data: { wallet, slices, effectiveAt } }];
};

/** What a hold gives free without its being over: what was held past its lot's expiry is booked as expired (INV-HLD-6). */
export const stillGood = (organization: Organization, slices: readonly Slice[], at: Instant): readonly Slice[] =>
  merged(slices).filter(({ lotId }) => !isExpired(lotOf(organization, lotId), at));
