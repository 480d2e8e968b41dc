import { ChargeColumns, ledgerStream, type Metadata } from '@drawdown/domain';
import { chainHash, eventIdOf, type JsonObject } from '@drawdown/kernel';
import {
  type Appended,
  AppendUnknown,
  type EventStore,
  type Metrics,
  type NewEvent,
  StoreUnavailable,
} from '@drawdown/ports';
import type { Draft, MicroBatch } from './micro-batch';
import type { Sleep } from './sleep';

/** First and longest pause before an append of unknown outcome is repeated. */
const RETRY_MS = { first: 50, longest: 2_000 };

export type Offsets = Readonly<Record<string, Readonly<Record<string, number>>>>;

const metadataOf = (draft: Draft, offsets: Offsets | null): Omit<Metadata, 'hash'> => ({
  version: draft.version,
  booked_at: draft.bookedAt,
  ...(draft.organizationId === null ? {} : { organization_id: draft.organizationId }),
  actor: draft.actor,
  ...(draft.requestId === null ? {} : { request_id: draft.requestId }),
  ...(draft.command === null ? {} : { command: draft.command }),
  ...(offsets === null ? {} : { offsets }),
});

/** A batch as it will be stored, and the hash that the chain has after it. */
export interface Encoded {
  readonly events: readonly NewEvent[];
  readonly metadata: readonly Metadata[];
  readonly hash: Buffer;
}

/** Makes a batch's bytes and chains them. `offsets` are the source offsets that it takes in. */
export const encode = (shard: number, batch: MicroBatch, previous: Buffer, offsets: Offsets | null): Encoded => {
  let hash = previous;
  const stream = ledgerStream(shard);
  const metadata: Metadata[] = [];
  const events = batch.drafts.map((draft, index): NewEvent => {
    const stored = draft.stored instanceof ChargeColumns ? { charges: draft.stored.wire() } : draft.stored;
    const data = Buffer.from(JSON.stringify(stored), 'utf8');
    const last = index === batch.drafts.length - 1;
    const plain = metadataOf(draft, last ? offsets : null) as JsonObject;
    hash = chainHash(hash, { stream, revision: batch.base + index, type: draft.type, data, metadata: plain });
    const complete = { ...plain, hash: hash.toString('hex') };
    metadata.push(complete as unknown as Metadata);
    return { id: eventIdOf(hash), type: draft.type, data, metadata: complete };
  });
  return { events, metadata, hash };
};

/**
 * Appends, and where the outcome is unknown repeats the identical append until it is known: same revision, same ids,
 * so that the store recognises it (INV-LED-4). After one attempt that may have been stored, "unavailable" is no answer
 * either: only success and a conflict are. `signal` gives up.
 */
export const appendUntilKnown = async (
  store: EventStore,
  stream: string,
  expected: number,
  events: readonly NewEvent[],
  metrics: Metrics,
  signal: AbortSignal,
  sleep: Sleep,
): Promise<Appended> => {
  let delay = RETRY_MS.first;
  let unknown: AppendUnknown | null = null;
  for (;;) {
    try {
      const appended = await store.append(stream, expected, events);
      metrics.count('append_total', { outcome: appended.repeated ? 'idempotent' : 'stored' });
      return appended;
    } catch (error) {
      if (error instanceof AppendUnknown) unknown = error;
      else if (unknown === null || !(error instanceof StoreUnavailable)) throw error;
      metrics.count('append_total', { outcome: 'ambiguous' });
      try {
        await sleep(delay / 2 + (delay / 2) * Math.random(), { signal });
      } catch {
        throw unknown; // given up
      }
      delay = Math.min(delay * 2, RETRY_MS.longest);
    }
  }
};
