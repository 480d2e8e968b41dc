import { formatDecimal, type Instant } from '@drawdown/kernel';

/** Credits by organization, wallet and the instant that a span of time is known by. */
export type WalletSums = Map<string, Map<string, Map<Instant, bigint>>>;

/** A span whose sum comes to 0 stays: whether it has a row must not depend on how events were batched. */
export const addTo = (
  sums: WalletSums,
  organizationId: string,
  wallet: string,
  span: Instant,
  credits: bigint,
): void => {
  let wallets = sums.get(organizationId);
  if (wallets === undefined) sums.set(organizationId, (wallets = new Map<string, Map<Instant, bigint>>()));
  let spans = wallets.get(wallet);
  if (spans === undefined) wallets.set(wallet, (spans = new Map<Instant, bigint>()));
  spans.set(span, (spans.get(span) ?? 0n) + credits);
};

/** A row of four cells for each sum: organization, wallet, span, credits. */
export const sumRows = (sums: WalletSums): string[][] =>
  [...sums].flatMap(([organizationId, wallets]) =>
    [...wallets].flatMap(([wallet, spans]) =>
      [...spans].map(([span, credits]) => [organizationId, wallet, span, formatDecimal(credits)]),
    ),
  );
