import { type Attribution, type ConsumptionVisitor, effectsOf, walkConsumption } from '@drawdown/domain/events';
import { type LedgerRecord, ownerOf } from './ledger-record';

const NO_USAGE: Attribution = {
  workspaceId: null,
  serviceType: null,
  userId: null,
  model: null,
  resourceType: null,
  resourceId: null,
};

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
        const by = event.type === 'HoldCaptured' ? event.data.usage : NO_USAGE;
        visitor.consumed(visitor.wallet(ownerOf(record), wallet), eventTime, debited, by);
      }
    }
  }
};
