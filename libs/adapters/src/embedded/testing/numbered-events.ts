import type { NewEvent } from '@drawdown/ports';

/** An event that follows from its place: whoever writes it again writes the same, whoever reads it can tell. */
export const numberedEvent = (writer: number, revision: number): NewEvent => ({
  id: `00000000-0000-4000-8000-${String(writer).padStart(4, '0')}${String(revision).padStart(8, '0')}`,
  type: 'Numbered',
  data: Buffer.alloc(((revision * 7919) % 6_000) + 1, `${String(writer)}/${String(revision)};`),
  metadata: { writer, revision },
});

export const numberedEvents = (writer: number, from: number, count: number): NewEvent[] =>
  Array.from({ length: count }, (_, index) => numberedEvent(writer, from + index));
