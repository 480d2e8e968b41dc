import { contiguous, type EventStore, PAGE_EVENTS_MAX, pagesToEnd, type StoredEvent } from '@drawdown/ports';
import { isAborted } from './aborted';

/** A stream's events as {@link pagesToEnd} gives them, and then those to come, until `signal` aborts. */
export async function* pagesFrom(
  store: EventStore,
  stream: string,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  for (let next = from; !isAborted(signal);) {
    for await (const page of pagesToEnd(store, stream, next)) {
      next += page.length;
      yield page;
      if (isAborted(signal)) return;
    }
    for await (const page of store.follow(stream, next, signal)) {
      next += contiguous(stream, next, page).length;
      yield page;
      // Far behind: pages of a measured size are kinder to memory than the largest the store makes.
      if (page.length >= PAGE_EVENTS_MAX) break;
    }
  }
}
