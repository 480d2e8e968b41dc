import type { StoredEvent } from './event-store';

/** Bytes that a page read from the store aims at: much is read per call, little is held. */
export const PAGE_BYTES = 1024 * 1024;

/** Events in a page at most: where large ones follow on small ones, one page is larger than meant. */
const READ_EVENTS_MAX = 200;

/** How many events to read at a time, learnt from the largest of the last page: each reader knows its own part of the log. */
export class PageSize {
  events = 16;

  learn(page: readonly StoredEvent[]): void {
    if (page.length === 0) return;
    const largest = page.reduce((most, { data }) => Math.max(most, data.byteLength), 1);
    this.events = Math.max(1, Math.min(READ_EVENTS_MAX, Math.floor(PAGE_BYTES / largest)));
  }
}
