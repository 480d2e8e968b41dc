import { type Credits, credits, type Instant, NO_CREDITS, storedCredits, storedQuantity } from '@drawdown/kernel';
import type { WireCharges } from './charge-columns';
import type { AppliedRate, Charge } from './usage';

export const at = <T>(list: readonly T[], place: number | undefined): T => {
  const item = place === undefined ? undefined : list[place];
  if (item === undefined) throw new Error(`charge columns refer to place ${String(place)} of ${String(list.length)}`);
  return item;
};

/** The name at a place of a dictionary; null where a column has none. */
export const nameAt = (strings: readonly string[], place: number | undefined): string | null =>
  place === undefined || place < 0 ? null : at(strings, place);

export const amountOf = (text: string | undefined): Credits => (text === undefined ? NO_CREDITS : storedCredits(text));

const NOTHING: ReadonlyMap<number, never> = new Map<number, never>();

/** The values of a sparse column by charge. Most columns of most events are empty. */
export const sparse = <T>(entries: readonly (readonly [number, T])[]): ReadonlyMap<number, T> =>
  entries.length === 0 ? NOTHING : new Map(entries);

/** The charges of stored columns, in order, with balances and numbers worked out from each wallet's first. */
export const readCharges = (wire: WireCharges): Charge[] => {
  const name = (place: number | undefined): string | null => nameAt(wire.strings, place);
  const named = (place: number | undefined): string => at(wire.strings, place);
  const rates: AppliedRate[] = wire.rates;
  const { wallets: own } = wire;
  const wallets = own.organization.map((organizationId, place) => ({
    organizationId,
    wallet: named(own.wallet[place]),
    policyVersion: at(own.policy_version, place),
    balance: storedCredits(at(own.balance_before, place)),
    next: at(own.first_sequence, place),
  }));
  const splits = sparse(wire.splits);
  const debts = sparse(wire.debt);
  const uncovereds = sparse(wire.uncovered);
  const exacts = sparse(wire.exact);
  const costs = sparse(wire.provider_cost);
  const parents = sparse(wire.parent);
  const tasks = sparse(wire.task);
  const latencies = sparse(wire.latency);
  const dimensions = sparse(wire.dimensions);
  const enforced = new Set(wire.enforce);
  const redriven = sparse(wire.redriven);
  let nextQuantity = 0;
  return wire.id.map((id, i): Charge => {
    const wallet = at(wallets, wire.wallet[i]);
    const shape = at(wire.shapes, wire.shape[i]);
    const quantities = shape.names.map(
      (quantity) => [quantity, storedQuantity(at(wire.quantities, nextQuantity++))] as const,
    );
    const price = storedCredits(at(wire.price, i));
    const lot = at(wire.lot, i);
    const slices =
      lot >= 0
        ? [{ lotId: at(wire.lots, lot), amount: price }]
        : (splits.get(i) ?? []).map(([place, amount]) => ({
            lotId: at(wire.lots, place),
            amount: storedCredits(amount),
          }));
    const debt = amountOf(debts.get(i));
    const uncovered = amountOf(uncovereds.get(i));
    const balanceBefore = wallet.balance;
    wallet.balance = credits(balanceBefore - price + uncovered);
    const cost = costs.get(i);
    return {
      usage: {
        organizationId: wallet.organizationId,
        source: named(wire.source[i]),
        id,
        type: named(wire.type[i]),
        time: at(wire.time, i) as Instant,
        workspaceId: name(wire.workspace[i]),
        userId: name(wire.user[i]),
        serviceType: named(wire.service_type[i]),
        resourceType: name(wire.resource_type[i]),
        resourceId: name(wire.resource_id[i]),
        model: name(wire.model[i]),
        quantities,
        unit: shape.unit,
        providerCost: cost === undefined ? null : { amount: storedQuantity(cost[0]), currency: cost[1] },
        parentTransactionId: parents.get(i) ?? null,
        taskId: tasks.get(i) ?? null,
        latencyMs: latencies.get(i) ?? null,
        dimensions: dimensions.get(i) ?? null,
        enforce: enforced.has(i),
        raw: null,
      },
      actor: named(wire.actor[i]),
      wallet: wallet.wallet,
      policyVersion: wallet.policyVersion,
      rate: at(rates, wire.rate[i]),
      exact: exacts.get(i) ?? null,
      price,
      slices,
      debt,
      uncovered,
      sequence: wallet.next++,
      balanceBefore,
      balanceAfter: wallet.balance,
      redriven: redriven.get(i) ?? null,
    };
  });
};
