import { type ConsumptionVisitor, effectsOf, UNATTRIBUTED, walkConsumption } from '@drawdown/domain/events';
import { type LedgerRecord, ownerOf } from './ledger-record';

/**
 * Visits each transaction of kind `consumption` of an event, charges and captures, as far as it is summed: gross, refunds
 * do not take away from it.
 */
export const forConsumption = <W extends object>(record: LedgerRecord, visitor: ConsumptionVisitor<W>): void => {
  const { event } = record;
  switch (event.type) {
    case 'UsageCharged':
      walkConsumption(event.data, visitor);
      return;
    case 'UsageQuarantined':
    case 'UsageRefused':
    case 'UsageConflicted':
      return;
    default: {
      for (const { kind, wallet, eventTime, debited } of effectsOf(event).bookings) {
        if (kind !== 'consumption') continue;
        const by = event.type === 'HoldCaptured' ? event.data.usage : UNATTRIBUTED;
        visitor.consumed(visitor.wallet(ownerOf(record), wallet), eventTime, debited, by);
      }
    }
  }
};
