import { randomUUID } from 'node:crypto';
import type { LoggedEvent, ProposedEvent } from './logged-event';

/** What a soft delete writes as `$tb`: the largest int64 (Data/EventNumber.cs, `DeletedStream`). */
const DELETED_STREAM = '9223372036854775807';

/** `$$S` as far as it hides events (docs: streams.md, "Metadata"); the rest of the document is kept and not looked at. */
export interface StreamMetadata {
  readonly $maxCount?: number;
  /** Seconds. */
  readonly $maxAge?: number;
  readonly $tb?: number;
}

/** Malformed JSON counts as no metadata (ReaderIndex/IndexReader.cs, `GetStreamMetadataUncached`). */
export const streamMetadata = (data: Buffer): StreamMetadata => {
  try {
    const parsed: unknown = JSON.parse(data.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
};

/** As a number it is rounded, so anything from there on. */
export const isSoftDeleted = ({ $tb }: StreamMetadata): boolean => $tb !== undefined && $tb >= Number(DELETED_STREAM);

/** A soft delete writes `$tb` over whatever was there (StorageWriterService.cs, `Handle(WriteDelete)`). */
export const softDeletion = (): ProposedEvent => metadataEvent(`{"$tb":${DELETED_STREAM}}`);

export const undeleted = (from: number): ProposedEvent => metadataEvent(JSON.stringify({ $tb: from }));

const metadataEvent = (json: string): ProposedEvent => ({
  id: randomUUID(),
  type: '$metadata',
  contentType: 'application/json',
  metadata: new Uint8Array(0),
  data: Buffer.from(json),
});

/** Revision of the first event that a read of the stream shows (ReaderIndex/IndexReader.cs, `GetStreamMetadata` in reads). */
export const firstVisible = (events: readonly LoggedEvent[], metadata: StreamMetadata): number => {
  let first = metadata.$tb ?? 0;
  if (metadata.$maxCount !== undefined) first = Math.max(first, events.length - metadata.$maxCount);
  if (metadata.$maxAge !== undefined) {
    const oldest = BigInt(Date.now() - metadata.$maxAge * 1000) * 10_000n;
    const young = events.findIndex(({ created }) => BigInt(created) >= oldest);
    first = Math.max(first, young < 0 ? events.length : young);
  }
  return first;
};
