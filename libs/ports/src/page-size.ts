import type { StoredEvent } from './event-store';

/**
 * Bytes of data after which a page of events ends: much is read per call, little is held. The event that reaches it still
 * belongs to it, so that a page has less than twice as many, and one append always fits into one.
 */
export const PAGE_BYTES = 1024 * 1024;

/** Events to ask for at most. */
const READ_EVENTS_MAX = 200;

/**
 * How many events to ask for at a time, learnt from the largest of the last page: each reader knows its own part of the
 * log, and a server does not begin to send what the page has no room for.
 */
export class PageSize {
  events = 16;

  learn(page: readonly StoredEvent[]): void {
    if (page.length === 0) return;
    const largest = page.reduce((most, { data }) => Math.max(most, data.byteLength), 1);
    this.events = Math.max(1, Math.min(READ_EVENTS_MAX, Math.floor(PAGE_BYTES / largest)));
  }
}
