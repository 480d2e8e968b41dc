import { REMEMBERED_DAYS } from '@drawdown/domain';
import type { Identity, Instant } from '@drawdown/kernel';
import { DAY_MICROS, shift } from '@drawdown/kernel';

/** Where the first segment begins if a test clock's organization opens it: before every time of the machine's clock. */
const BEGINNING = '0001-01-01T00:00:00.000000Z' as Instant;

/** What lies before it may be forgotten. */
export const forgottenBefore = (now: Instant): Instant => shift(now, -BigInt(REMEMBERED_DAYS) * DAY_MICROS);

/** Of an identity that was used again after it was forgotten, the place of what its id names comes first. */
export const latestFirst = (places: readonly Place[]): readonly Place[] =>
  [...places].sort((a, b) => b.revision - a.revision || b.index - a.index);

/** How much time one segment covers: what is forgotten is forgotten a segment at a time. */
const SEGMENT_DAYS = 5n;

/** Of a table. */
const FIRST_CAPACITY = 16;
const FILLED_MAX = 0.7;

/** Where an identity was decided: revision of the event, and place in it. */
export interface Place {
  readonly revision: number;
  readonly index: number;
}

/** What nearly every look-up finds. */
const NOWHERE: readonly Place[] = [];

/** The two words of an identity's 16 bytes that are kept. Neither has a bit that a UUID's version or variant fixes. */
export const wordsOf = (identity: Identity): readonly [number, number] => [wordAt(identity, 0), wordAt(identity, 10)];

const wordAt = (text: string, at: number): number =>
  (text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)) >>>
  0;

/** Tables of a segment. One that grows is written anew, in one go: a sixty-fourth of the segment at a time. */
const TABLES = 64;

/**
 * An open-addressing table from 64 bits of an identity to its place. Four words an entry: key, key, revision + 1
 * (0 = empty), and the index with a bit that says "by a test clock, never forget".
 */
class Table {
  private mask: number;
  private size = 0;

  constructor(private words = new Uint32Array(FIRST_CAPACITY * 4)) {
    this.mask = words.length / 4 - 1;
  }

  insert(high: number, low: number, revision: number, index: number): void {
    if (this.size + 1 > (this.mask + 1) * FILLED_MAX) this.grow();
    this.put(high, low, revision + 1, index);
    this.size++;
  }

  /** Adds the places of these words to those found before. */
  find(high: number, low: number, before: readonly Place[]): readonly Place[] {
    const { words, mask } = this;
    let found = before;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const at = slot * 4;
      const revision = words[at + 2] ?? 0;
      if (revision === 0) return found;
      if (words[at] === high && words[at + 1] === low) {
        found = [...found, { revision: revision - 1, index: (words[at + 3] ?? 0) & 0x7fff_ffff }];
      }
    }
  }

  replace(high: number, low: number, old: Place, place: Place, moving: Moving | null): boolean {
    const { words, mask } = this;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const at = slot * 4;
      const revision = words[at + 2] ?? 0;
      if (revision === 0) return false;
      if (words[at] !== high || words[at + 1] !== low || revision !== old.revision + 1) continue;
      const index = words[at + 3] ?? 0;
      if ((index & 0x7fff_ffff) !== old.index) continue;
      moving?.(words, at);
      words[at + 2] = place.revision + 1;
      words[at + 3] = place.index | (index & 0x8000_0000);
      return true;
    }
  }

  /** Gives every entry that must outlive the segment to `keep`. */
  keepLasting(keep: Keep): void {
    for (let at = 0; at < this.words.length; at += 4) {
      const index = this.words[at + 3] ?? 0;
      const revision = this.words[at + 2] ?? 0;
      if (revision !== 0 && index & 0x8000_0000)
        keep(this.words[at] ?? 0, this.words[at + 1] ?? 0, revision - 1, index);
    }
  }

  private put(high: number, low: number, revision: number, index: number): void {
    const { words, mask } = this;
    let slot = low & mask;
    while (words[slot * 4 + 2] !== 0) slot = (slot + 1) & mask;
    words[slot * 4] = high;
    words[slot * 4 + 1] = low;
    words[slot * 4 + 2] = revision;
    words[slot * 4 + 3] = index;
  }

  private grow(): void {
    const old = this.words;
    this.words = new Uint32Array(old.length * 2);
    this.mask = this.words.length / 4 - 1;
    for (let at = 0; at < old.length; at += 4) {
      const revision = old[at + 2] ?? 0;
      if (revision !== 0) this.put(old[at] ?? 0, old[at + 1] ?? 0, revision, old[at + 3] ?? 0);
    }
  }

  /** The table itself: it goes on gaining entries. */
  get dump(): Uint32Array<ArrayBuffer> {
    return this.words;
  }

  fill(at: number, words: Uint32Array): void {
    this.words.set(words, at);
    for (let i = 2; i < words.length; i += 4) if (words[i] !== 0) this.size++;
  }
}

/** What was booked in one span of time. */
class Segment {
  /** Where the next segment begins; worked out once, as every charge asks. */
  readonly until: Instant;

  constructor(
    readonly from: Instant,
    private readonly tables: readonly Table[] = Array.from({ length: TABLES }, () => new Table()),
    public size = 0,
  ) {
    this.until = shift(from, SEGMENT_DAYS * DAY_MICROS);
  }

  insert(high: number, low: number, revision: number, index: number): void {
    if (revision >= 0xffff_ffff || index > 0x7fff_ffff) throw new RangeError('the identity index holds 32-bit places');
    this.insertRaw(high, low, revision, index);
  }

  /** As {@link insert}, with the bit that the index may have. */
  insertRaw(high: number, low: number, revision: number, index: number): void {
    this.tableOf(high).insert(high, low, revision, index);
    this.size++;
  }

  find(high: number, low: number, before: readonly Place[]): readonly Place[] {
    return this.tableOf(high).find(high, low, before);
  }

  replace(high: number, low: number, old: Place, place: Place, moving: Moving | null): boolean {
    return this.tableOf(high).replace(high, low, old, place, moving);
  }

  keepLasting(keep: Keep): void {
    for (const table of this.tables) table.keepLasting(keep);
  }

  dump(): SegmentDump {
    return { from: this.from, size: this.size, tables: this.tables.map((table) => table.dump) };
  }

  fill(table: number, at: number, words: Uint32Array): void {
    const filled = this.tables[table];
    if (filled === undefined) throw new RangeError(`a segment of the identity index has no table ${String(table)}`);
    filled.fill(at, words);
  }

  /** One whose tables are filled next. */
  static empty({ from, size, tables }: SegmentSize): Segment {
    if (tables.length !== TABLES) throw new RangeError(`a segment has ${String(TABLES)} tables`);
    return new Segment(
      from,
      tables.map((words) => new Table(new Uint32Array(words))),
      size,
    );
  }

  private tableOf(high: number): Table {
    const table = this.tables[high & (TABLES - 1)];
    if (table === undefined) throw new RangeError(`a segment has ${String(TABLES)} tables`);
    return table;
  }
}

export interface SegmentDump {
  readonly from: Instant;
  readonly size: number;
  /** The tables themselves: they go on gaining entries. */
  readonly tables: readonly Uint32Array<ArrayBuffer>[];
}

/** Of each table, how many words it has. */
type SegmentSize = Omit<SegmentDump, 'tables'> & { readonly tables: readonly number[] };

type Keep = (high: number, low: number, revision: number, index: number) => void;

/** Told of a table and a place in it before the entry there is given another place in the log. */
type Moving = (words: Uint32Array, at: number) => void;

/**
 * Which identities were decided, and where in the log. It keeps 64 bits of each, so a hit is a suspicion: the event at
 * its place says whether it is really the same identity. A miss is certain. 16 bytes an entry before load factor;
 * everything in it follows from the log (INV-INT-4).
 */
export class IdentityIndex {
  private segments: Segment[] = [];
  /** A snapshot that is being written has to know. */
  moving: Moving | null = null;

  get size(): number {
    return this.segments.reduce((total, segment) => total + segment.size, 0);
  }

  /** Remembers an identity booked at `bookedAt`; `lasting` where that is a test clock's time. */
  insert(identity: Identity, place: Place, bookedAt: Instant, lasting: boolean): void {
    const [high, low] = wordsOf(identity);
    this.newest(bookedAt, lasting).insert(high, low, place.revision, place.index);
    if (lasting) this.markLasting(high, low, place);
  }

  /** Every place that this identity may have been decided at. */
  find(identity: Identity): readonly Place[] {
    let found = NOWHERE;
    const [high, low] = wordsOf(identity);
    for (const segment of this.segments) found = segment.find(high, low, found);
    return found;
  }

  /** The identity was decided again, for good, at `bookedAt` (a quarantined event was charged): remembered from then on. */
  replace(identity: Identity, old: Place, place: Place, bookedAt: Instant, lasting: boolean): void {
    const [high, low] = wordsOf(identity);
    const replaced = this.segments.find((segment) => segment.replace(high, low, old, place, this.moving));
    if (replaced === undefined) throw new Error('the identity index lost an entry that it had found');
    if (lasting) return;
    const newest = this.newest(bookedAt, lasting);
    if (newest !== replaced) newest.insert(high, low, place.revision, place.index);
  }

  dump(): SegmentDump[] {
    return this.segments.map((segment) => segment.dump());
  }

  /** An index whose tables are filled next. */
  static empty(sizes: readonly SegmentSize[]): IdentityIndex {
    const index = new IdentityIndex();
    index.segments = sizes.map((size) => Segment.empty(size));
    return index;
  }

  /** Fills a part of a table with words of a dump. */
  fill(segment: number, table: number, at: number, words: Uint32Array): void {
    const filled = this.segments[segment];
    if (filled === undefined) throw new RangeError(`the identity index has no segment ${String(segment)}`);
    filled.fill(table, at, words);
  }

  private markLasting(high: number, low: number, place: Place): void {
    const segment = this.segments.at(-1);
    const lasting = { revision: place.revision, index: place.index | 0x8000_0000 };
    segment?.replace(high, low, place, lasting, null);
  }

  private newest(bookedAt: Instant, lasting: boolean): Segment {
    const last = this.segments.at(-1);
    // Test clocks run elsewhere in time: they neither begin segments nor end them.
    if (last !== undefined && (lasting || bookedAt < last.until)) return last;
    const segment = new Segment(lasting ? BEGINNING : bookedAt);
    this.segments.push(segment);
    if (!lasting) this.forget(bookedAt);
    return segment;
  }

  /** Drops segments whose last entry is out of memory by now, that is: where the next one began so long ago. */
  private forget(now: Instant): void {
    const horizon = forgottenBefore(now);
    for (;;) {
      const [oldest, next] = this.segments;
      if (oldest === undefined || next === undefined || next.from > horizon) return;
      this.segments.shift();
      const newest = this.segments.at(-1);
      oldest.keepLasting((high, low, revision, index) => newest?.insertRaw(high, low, revision, index));
    }
  }
}
