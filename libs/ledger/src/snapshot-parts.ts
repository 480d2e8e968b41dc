import type { Organization } from '@drawdown/domain';
import type { Instant } from '@drawdown/kernel';
import { DefaultDeserializer, DefaultSerializer } from 'node:v8';
import type { RememberedCommand } from './fold';

/** What a snapshot says of the whole state, and how much there must be of the rest. */
export interface SnapshotHead {
  readonly kind: 'head';
  readonly foldVersion: number;
  readonly revision: number;
  readonly hash: Uint8Array;
  readonly bookedAt: Instant;
  readonly offsets: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly organizations: number;
  readonly commands: number;
  readonly priced: number;
  /** The identity index, oldest first, and how many words each table has. */
  readonly segments: readonly { readonly from: Instant; readonly size: number; readonly tables: readonly number[] }[];
}

/** A snapshot is a head and then, in any order but of their own kind, pieces. */
export type SnapshotPiece =
  | SnapshotHead
  | { readonly kind: 'organization'; readonly organization: Organization }
  | { readonly kind: 'commands'; readonly keys: readonly string[]; readonly commands: readonly RememberedCommand[] }
  | { readonly kind: 'priced'; readonly versions: readonly PricedVersion[] }
  | {
      readonly kind: 'identities';
      readonly segment: number;
      readonly table: number;
      readonly at: number;
      readonly words: Uint32Array<ArrayBuffer>;
    };

/** Card, version, latest event time that it priced. */
export type PricedVersion = readonly [card: string, version: number, time: Instant];

/**
 * What one part holds, and so how long the event loop is held to write or to read it: some milliseconds. A lot or a hold
 * weighs 1, as does an organization by itself; one organization is never divided.
 */
export const PART_WEIGHT = 1_000;

/** Of a part, before its bytes: how many they are, and how many pieces. */
const HEADER_BYTES = 8;

/** Gathers pieces into parts: structured clone, so that lots which several lists share stay one lot each. */
export class PartWriter {
  private readonly closed: Buffer[] = [];
  private open = new OpenPart();

  constructor(private readonly partWeight: number) {}

  add(piece: SnapshotPiece, weight: number): void {
    this.open.add(piece, weight);
    if (this.open.weight >= this.partWeight) this.close();
  }

  /** The next part that is complete. */
  next(): Buffer | undefined {
    return this.closed.shift();
  }

  /** The last one, which need not be full. */
  rest(): Buffer | undefined {
    this.close();
    return this.next();
  }

  private close(): void {
    if (this.open.pieces > 0) this.closed.push(this.open.bytes());
    this.open = new OpenPart();
  }
}

class OpenPart {
  private readonly serializer = new DefaultSerializer();
  pieces = 0;
  weight = 0;

  constructor() {
    this.serializer.writeHeader();
  }

  add(piece: SnapshotPiece, weight: number): void {
    this.serializer.writeValue(piece);
    this.pieces++;
    this.weight += weight;
  }

  bytes(): Buffer {
    const content = this.serializer.releaseBuffer();
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(content.byteLength, 0);
    header.writeUInt32LE(this.pieces, 4);
    return Buffer.concat([header, content]);
  }
}

/** The pieces of each part, as long as there are parts. Throws where the bytes are not parts. */
export function* partsIn(bytes: Uint8Array): Generator<readonly SnapshotPiece[]> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0; start < view.byteLength;) {
    const from = start + HEADER_BYTES;
    const end = from + view.readUInt32LE(start);
    const count = view.readUInt32LE(start + 4);
    if (end > view.byteLength) throw new RangeError('a part of a snapshot is cut off');
    const deserializer = new DefaultDeserializer(view.subarray(from, end));
    deserializer.readHeader();
    yield Array.from({ length: count }, () => deserializer.readValue() as SnapshotPiece);
    start = end;
  }
}
