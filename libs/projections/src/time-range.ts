import { DAY_MICROS, type Instant, shift } from '@drawdown/kernel';
import type { TimeRange } from './read-models';

const PERIOD_DAYS = { '7d': 7n, '30d': 30n, '90d': 90n } as const;

/**
 * The bounds of a range on event time: from (inclusive) and to (exclusive); null: none. A period ends at `to`, else now;
 * then usage that is dated a little ahead is in it, too.
 */
export interface Bounds {
  readonly from: Instant | null;
  readonly to: Instant | null;
}

export const boundsOf = ({ period, from, to }: TimeRange, now: Instant): Bounds => ({
  from: from ?? (period === undefined || period === 'all' ? null : shift(to ?? now, -PERIOD_DAYS[period] * DAY_MICROS)),
  to: to ?? null,
});

/** The hour (or day) of UTC that an instant lies in, as its beginning. */
export const startOf = (instant: Instant, bucket: 'hour' | 'day'): Instant =>
  (bucket === 'hour' ? `${instant.slice(0, 13)}:00:00.000000Z` : `${instant.slice(0, 10)}T00:00:00.000000Z`) as Instant;

/** As {@link startOf} of an hour, for many instants of which nearly each lies in the hour of the one before. */
export const hoursOf = (): ((instant: Instant) => Instant) => {
  let hour: Instant | undefined;
  let begin = '';
  return (instant) => {
    if (hour === undefined || !instant.startsWith(begin)) {
      hour = startOf(instant, 'hour');
      begin = hour.slice(0, 13);
    }
    return hour;
  };
};
