import {
  type Booking,
  type Charge,
  effectsOf,
  type LedgerEvent,
  type Recorded,
  type RefundableCharge,
} from '@drawdown/domain';
import { chargeId, credits, type Instant, organizationNamespace } from '@drawdown/kernel';
import type { Place } from './identity-index';
import type { MicroBatch } from './micro-batch';
import type { PastDecisions } from './past-decisions';

const ofCharge = (charge: Charge, transactionId: string, bookedAt: Instant): RefundableCharge => ({
  transactionId,
  wallet: charge.wallet,
  charged: credits(charge.price - charge.uncovered),
  slices: charge.slices,
  debt: charge.debt,
  bookedAt,
  refundable: true,
});

const ofBooking = (booking: Booking, bookedAt: Instant): RefundableCharge => ({
  transactionId: booking.transactionId,
  wallet: booking.wallet,
  charged: booking.debited,
  slices: booking.slices,
  debt: booking.debt,
  bookedAt,
  refundable: booking.kind === 'consumption',
});

/** The transaction at a suspected place, if it is the one asked for and the organization's own. */
export const refundableAt = (
  place: Place,
  transactionId: string,
  organizationId: string,
  batch: MicroBatch,
  past: PastDecisions,
): RefundableCharge | null => {
  const fresh = batch.at(place.revision);
  const stored = past.event(place.revision)?.recorded;
  const bookedAt = fresh?.draft.bookedAt ?? stored?.bookedAt;
  if (bookedAt === undefined) throw new Error(`revision ${String(place.revision)} was not fetched before the turn`);
  const event: LedgerEvent | null = fresh === undefined ? (stored?.event ?? null) : fresh.draft.event;
  const charges = fresh?.charges ?? (event?.type === 'UsageCharged' ? event.data.charges : []);
  const charge = charges[place.index];
  if (charge !== undefined) {
    const { organizationId: owner, source, id } = charge.usage;
    if (owner !== organizationId || chargeId(organizationNamespace(owner), source, id) !== transactionId) return null;
    return ofCharge(charge, transactionId, bookedAt);
  }
  const owner = fresh === undefined ? stored?.organizationId : fresh.draft.organizationId;
  if (event === null || owner !== organizationId) return null;
  if (event.type === 'UsageCharged' || event.type.startsWith('Usage')) return null;
  const booking = effectsOf(event as Parameters<typeof effectsOf>[0]).bookings[place.index];
  return booking?.transactionId === transactionId ? ofBooking(booking, bookedAt) : null;
};

/** The transaction in a stored event, if it is there and the organization's own. */
export const refundableIn = (
  { event, organizationId: owner, bookedAt }: Recorded<LedgerEvent>,
  transactionId: string,
  organizationId: string,
): RefundableCharge | null => {
  if (event.type === 'UsageCharged') {
    const namespace = organizationNamespace(organizationId);
    const charge = event.data.charges.find(
      ({ usage }) =>
        usage.organizationId === organizationId && chargeId(namespace, usage.source, usage.id) === transactionId,
    );
    return charge === undefined ? null : ofCharge(charge, transactionId, bookedAt);
  }
  if (owner !== organizationId) return null;
  if (event.type === 'UsageQuarantined' || event.type === 'UsageRefused' || event.type === 'UsageConflicted')
    return null;
  const booking = effectsOf(event).bookings.find((one) => one.transactionId === transactionId);
  return booking === undefined ? null : ofBooking(booking, bookedAt);
};
