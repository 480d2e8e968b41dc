import type { Metrics } from '@drawdown/ports';

/** What one follower notes of what it hears. */
export interface Ear {
  /** Something came, or the server said that there is nothing to come. */
  heard(): void;
  /** What came is with the consumer, and nothing is expected until it comes back. */
  busy(): void;
  /** The consumer wants more. */
  free(): void;
  /** It follows no more. */
  close(): void;
}

interface Listening {
  readonly what: string;
  since: number;
  busy: boolean;
}

/** Reports how long ago the followers of a store last heard of it, by what they follow; of several the longest. */
export class Hearing {
  private readonly listening = new Set<Listening>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly metrics: Metrics,
    private readonly everyMs: number,
  ) {}

  listen(what: string): Ear {
    const one: Listening = { what, since: performance.now(), busy: false };
    this.listening.add(one);
    this.timer ??= setInterval(() => this.report(), this.everyMs).unref();
    const heard = (): void => void (one.since = performance.now());
    return {
      heard,
      busy: () => void (one.busy = true),
      free: () => {
        one.busy = false;
        heard();
      },
      close: () => this.forget(one),
    };
  }

  private report(): void {
    const now = performance.now();
    const ages = new Map<string, number>();
    for (const { what, since, busy } of this.listening)
      ages.set(what, Math.max(ages.get(what) ?? 0, busy ? 0 : now - since));
    for (const [stream, age] of ages) this.gauge(stream, age / 1000);
  }

  private forget(one: Listening): void {
    this.listening.delete(one);
    if ([...this.listening].every(({ what }) => what !== one.what)) this.gauge(one.what, 0);
    if (this.listening.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private gauge(stream: string, seconds: number): void {
    this.metrics.gauge('subscription_age_seconds', seconds, { stream });
  }
}
