import type { Sender } from '@drawdown/commands';
import { Problem } from '../problems/problem';
import type { PrometheusMetrics } from '../server/metrics';

const WINDOW_MS = 60_000;

/**
 * How many of its refused questions each reader has put on record within a minute, of each organization for itself: a key
 * of the installation asks for all of them, and one must not use up what the others may ask. Each is an event, for ever: who
 * may only read must not fill the log by asking. Whoever reports usage writes events anyway, and gates as many requests as
 * it likes.
 */
export class ReaderQuota {
  private readonly used = new Map<string, number>();
  private since = -Infinity;

  constructor(
    private readonly most: number,
    private readonly metrics: Pick<PrometheusMetrics, 'count'>,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** One more. Throws where that is too many: what could not be recorded is not decided (INV-AUD-6). */
  take(organizationId: string, { type, id }: Sender['actor']): void {
    const reader = `${organizationId} ${type} ${id}`;
    const now = this.now();
    if (now - this.since >= WINDOW_MS) {
      this.used.clear();
      this.since = now;
    }
    const used = this.used.get(reader) ?? 0;
    if (used >= this.most) {
      this.metrics.count('reader_quota_refused_total');
      const left = Math.ceil((this.since + WINDOW_MS - now) / 1000);
      throw new Problem(
        'rate_limited',
        `at most ${String(this.most)} different questions that are refused a minute, and each is recorded; a key with usage:write may ask more`,
        { headers: { 'retry-after': String(left) } },
      );
    }
    this.used.set(reader, used + 1);
  }
}
