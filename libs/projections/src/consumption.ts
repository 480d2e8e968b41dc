import { effectsOf } from '@drawdown/domain/events';
import type { Instant } from '@drawdown/kernel';
import { type LedgerRecord, ownerOf } from './ledger-record';

/** A transaction of kind `consumption`, as far as it is summed: gross, refunds do not take away from it. */
export interface Consumption {
  readonly organizationId: string;
  readonly wallet: string;
  readonly eventTime: Instant;
  /** What was debited; 0 where an allowance or nobody paid. */
  readonly credits: bigint;
  readonly workspaceId: string | null;
  readonly serviceType: string | null;
  readonly userId: string | null;
  readonly model: string | null;
  readonly resourceType: string | null;
  readonly resourceId: string | null;
}

const NO_USAGE = {
  workspaceId: null,
  serviceType: null,
  userId: null,
  model: null,
  resourceType: null,
  resourceId: null,
};

/** Calls `add` with each consumption of an event: charges and captures. */
export const forConsumption = (record: LedgerRecord, add: (consumption: Consumption) => void): void => {
  const { event } = record;
  switch (event.type) {
    case 'UsageCharged':
      for (const { usage, wallet, price, uncovered } of event.data.charges) {
        const { organizationId, time, workspaceId, serviceType, userId, model, resourceType, resourceId } = usage;
        const attribution = { workspaceId, serviceType, userId, model, resourceType, resourceId };
        add({ organizationId, wallet, eventTime: time, credits: price - uncovered, ...attribution });
      }
      return;
    case 'UsageQuarantined':
    case 'UsageRefused':
    case 'UsageConflicted':
      return;
    default: {
      for (const { kind, wallet, eventTime, debited } of effectsOf(event).bookings) {
        if (kind !== 'consumption') continue;
        const { workspaceId, serviceType, userId, model, resourceType, resourceId } =
          event.type === 'HoldCaptured' ? event.data.usage : NO_USAGE;
        const attribution = { workspaceId, serviceType, userId, model, resourceType, resourceId };
        add({ organizationId: ownerOf(record), wallet, eventTime, credits: debited, ...attribution });
      }
    }
  }
};
