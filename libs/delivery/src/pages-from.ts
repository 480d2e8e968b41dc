import { type EventStore, PAGE_EVENTS_MAX, PageSize, type StoredEvent } from '@drawdown/ports';
import { isAborted } from './aborted';

/**
 * A stream's events from `from` on up to its present end, in pages small enough to hold. Throws what the store throws,
 * and where it leaves out a revision.
 */
export async function* pagesToEnd(
  store: EventStore,
  stream: string,
  from: number,
): AsyncGenerator<readonly StoredEvent[], void, undefined> {
  const size = new PageSize();
  for (let next = from; ;) {
    const page = contiguous(stream, next, await store.read(stream, next, size.events));
    if (page.length === 0) return;
    size.learn(page);
    next += page.length;
    yield page;
  }
}

/** The same, and then those to come, until `signal` aborts. */
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

const contiguous = (stream: string, from: number, page: readonly StoredEvent[]): readonly StoredEvent[] => {
  const wrong = page.findIndex(({ revision }, index) => revision !== from + index);
  if (wrong === -1) return page;
  throw new Error(
    `${stream}: the store gives revision ${String(page[wrong]?.revision)} after ${String(from + wrong - 1)}`,
  );
};
