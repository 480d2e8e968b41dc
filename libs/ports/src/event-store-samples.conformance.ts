import { randomUUID } from 'node:crypto';
import type { EventStore, NewEvent, StoredEvent } from './event-store';

/** Gives a store that is closed after the test. */
export type Open = () => Promise<EventStore>;

/** A stream name, or the beginning of some, that nobody else uses. */
export const freshName = (): string => `conformance-${randomUUID()}`;

export const event = (content = 'content', metadata: NewEvent['metadata'] = {}): NewEvent => ({
  id: randomUUID(),
  type: 'Tested',
  data: Buffer.from(content),
  metadata,
});

export const events = (count: number): NewEvent[] => Array.from({ length: count }, (_, index) => event(String(index)));

export const ids = (list: readonly NewEvent[]): string[] => list.map(({ id }) => id);

/** Follows until there are `count` events. */
export const take = async (
  pages: AsyncIterable<readonly StoredEvent[]>,
  count: number,
): Promise<readonly StoredEvent[]> => {
  const taken: StoredEvent[] = [];
  for await (const page of pages) {
    taken.push(...page);
    if (taken.length >= count) break;
  }
  return taken;
};
