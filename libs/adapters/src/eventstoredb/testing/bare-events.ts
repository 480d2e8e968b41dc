import { randomUUID } from 'node:crypto';
import type { BinaryEventData, ResolvedEvent } from '@eventstore/db-client';

/** An event for the bare client. */
export const bareEvent = (content = ''): BinaryEventData => ({
  id: randomUUID(),
  type: 'Tested',
  contentType: 'application/octet-stream',
  data: new Uint8Array(Buffer.from(content)),
  metadata: { content },
});
export const bareEvents = (count: number): BinaryEventData[] =>
  Array.from({ length: count }, (_, index) => bareEvent(String(index)));

export const collected = async (read: AsyncIterable<ResolvedEvent>, count = Infinity) => {
  const events: NonNullable<ResolvedEvent['event']>[] = [];
  if (count === 0) return events;
  for await (const { event } of read) {
    if (event) events.push(event);
    if (events.length >= count) break;
  }
  return events;
};
