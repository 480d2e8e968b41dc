import type { JsonObject } from '@drawdown/kernel';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One event as it lies in a store. */
export interface RecordedEvent {
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly metadata: JsonObject;
  readonly data: Uint8Array;
}

/** A line of the file; metadata and data are the very texts that were stored, which the hash chain covers. */
interface Line {
  readonly stream: string;
  readonly revision: number;
  readonly id: string;
  readonly type: string;
  readonly metadata: string;
  readonly data: string;
}

const FILE = join(__dirname, 'recorded/log.ndjson');

/**
 * The whole log of a small installation, two organizations on a test clock, as the release of November 2026 wrote it,
 * in the order in which it was stored. It has every event but OrganizationFrozen, PresetSaved and those of keys that end;
 * no charge that is uncovered, rounded, redriven or with dimensions, and nothing forfeited.
 * It is never edited: logs of that release are kept for ever, and must go on meaning what they meant.
 */
export const recordedLog = (): readonly RecordedEvent[] =>
  readFileSync(FILE, 'utf8')
    .trimEnd()
    .split('\n')
    .map((text) => {
      const { metadata, data, ...event } = JSON.parse(text) as Line;
      return { ...event, metadata: JSON.parse(metadata) as JsonObject, data: Buffer.from(data) };
    });
