import { recorded } from '@drawdown/ledger/testing';
import type { EventStore } from '@drawdown/ports';

/** Usage that the log has charged. */
export interface RecordedCharge {
  readonly shard: number;
  readonly organization: string;
  readonly id: string;
}

/** Everything that was ever charged, as the log has it: usage that was charged twice is there twice. */
export const recordedCharges = async (store: EventStore, shards: number): Promise<readonly RecordedCharge[]> => {
  const byShard = Array.from({ length: shards }, async (_, shard) => {
    const charges = (await recorded(store, shard)).flatMap(({ event }) =>
      event.type === 'UsageCharged' ? event.data.charges : [],
    );
    return charges.map(({ usage }) => ({ shard, organization: usage.organizationId, id: usage.id }));
  });
  return (await Promise.all(byShard)).flat();
};
