import { type Charge, ledgerStream, writeProviderCost } from '@drawdown/domain/events';
import { format } from '@drawdown/kernel';
import type { LedgerRecord } from '../ledger-record';
import type { Explanation, TransactionDocument, TransactionPlace } from '../read-models';

/** An event of the log; undefined where there is none. */
export type EventSource = (shard: number, revision: number) => Promise<LedgerRecord | undefined>;

/** A transaction with what it was made from, as the event says it (INV-AUD-4). */
export const explain = async (
  transaction: TransactionDocument,
  { shard, revision, index }: TransactionPlace,
  events: EventSource,
): Promise<Explanation> => {
  const place = { stream: ledgerStream(shard), revision, index };
  const record = await events(shard, revision);
  if (record === undefined) throw new Error(`${place.stream} has no revision ${String(revision)}`);
  const charge = record.event.type === 'UsageCharged' ? record.event.data.charges[index] : undefined;
  return charge === undefined
    ? { transaction, usage: null, rate: null, exact: null, place }
    : { transaction, ...madeFrom(charge), place };
};

const madeFrom = ({ usage, rate, exact }: Charge): Pick<Explanation, 'usage' | 'rate' | 'exact'> => ({
  usage: {
    source: usage.source,
    id: usage.id,
    type: usage.type,
    quantities: Object.fromEntries(usage.quantities.map(([name, amount]) => [name, format(amount)])),
    unit: usage.unit,
    provider_cost: writeProviderCost(usage.providerCost),
    dimensions: usage.dimensions,
  },
  rate: {
    card: rate.card,
    version: rate.version,
    index: rate.index,
    price: rate.price as Explanation['transaction']['rate_applied'],
    rounding: { ...rate.rounding },
  },
  exact,
});
