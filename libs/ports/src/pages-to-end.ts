import { type EventStore, type StoredEvent, StoreUnavailable } from './event-store';
import { PageSize } from './page-size';

/**
 * A stream's events from `from` on up to its present end, in pages small enough to hold. Throws what the store throws,
 * and {@link StoreUnavailable} where it leaves out a revision.
 */
export async function* pagesToEnd(
  store: Pick<EventStore, 'read'>,
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

/** The page, which must begin with `from` and have no hole; {@link StoreUnavailable} where it does not: nothing may be read past it. */
export const contiguous = (stream: string, from: number, page: readonly StoredEvent[]): readonly StoredEvent[] => {
  const wrong = page.findIndex(({ revision }, index) => revision !== from + index);
  if (wrong === -1) return page;
  const [came, last] = [String(page[wrong]?.revision), String(from + wrong - 1)];
  throw new StoreUnavailable(
    `${stream}: the store gives revision ${came} after ${last}; what lies between is hidden or lost: see Backup and restore in deploy/README.md`,
  );
};
