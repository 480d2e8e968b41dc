import { formatDecimal, type Instant } from '@drawdown/kernel';

/** Credits by organization, wallet and the instant that a span of time is known by. */
export type WalletSums = Map<string, Map<string, SpanSums>>;

/** The spans of one wallet. */
export type SpanSums = Map<Instant, bigint>;

/** What has been summed of a wallet. */
export const sumsOf = (sums: WalletSums, organizationId: string, wallet: string): SpanSums => {
  let wallets = sums.get(organizationId);
  if (wallets === undefined) sums.set(organizationId, (wallets = new Map<string, SpanSums>()));
  let spans = wallets.get(wallet);
  if (spans === undefined) wallets.set(wallet, (spans = new Map<Instant, bigint>()));
  return spans;
};

/** A span whose sum comes to 0 stays: whether it has a row must not depend on how events were batched. */
export const addTo = (spans: SpanSums, span: Instant, credits: bigint): void => {
  spans.set(span, (spans.get(span) ?? 0n) + credits);
};

/** A cell of each of four columns for each sum: organization, wallet, span, credits. */
export const sumColumns = (sums: WalletSums): readonly (readonly string[])[] => {
  const [organizationIds, keys, instants, amounts]: [string[], string[], string[], string[]] = [[], [], [], []];
  for (const [organizationId, wallets] of sums) {
    for (const [wallet, spans] of wallets) {
      for (const [span, credits] of spans) {
        organizationIds.push(organizationId);
        keys.push(wallet);
        instants.push(span);
        amounts.push(formatDecimal(credits));
      }
    }
  }
  return [organizationIds, keys, instants, amounts];
};
