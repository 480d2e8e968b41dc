import type { Organization } from '@drawdown/domain';
import { type Instant, latest } from '@drawdown/kernel';
import type { Catalogue } from './catalogue/catalogue';
import type { ShardState } from './fold';

/** The time by which an organization lives. Booking times never go back, whatever the clock does (INV-TIM-1). */
export const ownTime = (
  organization: Organization,
  state: Pick<ShardState, 'bookedAt'>,
  catalogue: Pick<Catalogue, 'testClocks'>,
  machineNow: Instant,
): Instant => {
  if (organization.testClock === null) return latest(machineNow, state.bookedAt);
  const clock = catalogue.testClocks.get(organization.testClock);
  return clock === undefined ? organization.lastBookedAt : latest(clock.now, organization.lastBookedAt);
};
