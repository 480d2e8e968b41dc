import { setMaxListeners } from 'node:events';
import type { StoredEvent } from '@drawdown/ports';

/** What follows the events that were read before, some of it; at the `end` there was no more. */
export interface Page {
  readonly events: readonly StoredEvent[];
  readonly end: boolean;
}

interface Follower {
  readonly matches: (stream: string) => boolean;
  /** Something may have been stored since the last read began. */
  news: boolean;
  wake: () => void;
}

/** Those who follow the log of this process. Whoever appends tells them; nobody polls. */
export class Followers {
  private readonly followers = new Set<Follower>();

  /** To be called once an append has an outcome, known or not. */
  wake(stream: string): void {
    for (const follower of this.followers) if (follower.matches(stream)) rouse(follower);
  }

  wakeAll(): void {
    this.followers.forEach(rouse);
  }

  /** The pages that `next` reads, each when it is asked for, then those to come, until `signal` aborts. Rejects where `next` does. */
  async *follow(
    matches: (stream: string) => boolean,
    next: () => Promise<Page>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    const follower: Follower = { matches, news: true, wake: () => undefined };
    const aborted = (): void => rouse(follower);
    this.followers.add(follower);
    setMaxListeners(0, signal); // one signal ends many followers: Node would take the eleventh for a leak
    signal.addEventListener('abort', aborted);
    try {
      while (!signal.aborted) {
        follower.news = false; // before the read, so that what is stored during it is read for once more
        const { events, end } = await next();
        if (isAborted(signal)) return;
        if (events.length > 0) yield events;
        if (end) await untilNews(follower);
      }
    } finally {
      signal.removeEventListener('abort', aborted);
      this.followers.delete(follower);
    }
  }
}

const rouse = (follower: Follower): void => {
  follower.news = true;
  follower.wake();
};

const untilNews = async (follower: Follower): Promise<void> => {
  if (!follower.news) await new Promise<void>((resolve) => (follower.wake = resolve));
};

/** The type checker believes that a signal, once seen unaborted, stays so. */
const isAborted = (signal: AbortSignal): boolean => signal.aborted;
