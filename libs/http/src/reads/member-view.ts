import type { Explanation, TransactionDocument } from '@drawdown/projections';

/** What of a transaction says how its wallet stood, or how much others moved: its balances, lots and number. */
const OF_THE_WALLET = {
  balance_before: null,
  balance_after: null,
  debt: null,
  uncovered: null,
  slices: null,
  sequence: null,
} as const satisfies { readonly [Field in keyof TransactionDocument]?: null };

type OfTheWallet = keyof typeof OF_THE_WALLET;

/**
 * Documents as members see them (INV-TEN-3): what they used and what it cost, without balances and without money. The
 * fields stay, as null, so that one reader reads what everybody is answered.
 */
export const transactionOfMember = <T extends TransactionDocument>(
  transaction: T,
): Omit<T, OfTheWallet> & typeof OF_THE_WALLET => ({ ...transaction, ...OF_THE_WALLET });

/** The same of an explanation: what the provider took is money, too. */
export const explanationOfMember = ({ transaction, usage, ...rest }: Explanation): object => ({
  transaction: transactionOfMember(transaction),
  usage: usage === null ? null : { ...usage, provider_cost: null },
  ...rest,
});
