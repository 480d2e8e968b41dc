import type { Organization } from '@drawdown/domain';
import { setImmediate as turn } from 'node:timers/promises';
import { type Cut, FOLD_VERSION, type RememberedCommand, type Resident, type ShardState } from './fold';
import type { SegmentDump } from './identity-index';
import { PART_WEIGHT, PartWriter, type PricedVersion } from './snapshot-parts';

/** Commands and priced versions of one piece; each weighs far less than a lot. */
const LISTED = 1_000;

/** Words of the identity index of one piece: 256 KiB, four words an identity. */
const WORDS = 64 * 1024;

/** Parts' worth of organizations that one turn of the shard may have to write before it ends: some 12 ms. */
const TURN_PARTS = 3;

/** What was to be written is gone: the shard dropped its state, or nobody waits for the snapshot any more. */
export class SnapshotAbandoned extends Error {
  readonly code = 'snapshot_abandoned';
}

/**
 * A snapshot of one revision, written in parts while the shard goes on charging. From its making to its end it is told
 * of every organization that is about to change: one that is not written yet is written then, as it still is. All others
 * are written part by part, between which the event loop turns.
 *
 * What else a state has needs no such word, because it cannot change under the snapshot's hands:
 * - commands, priced versions and source offsets are listed when it is made: pointers, nothing is copied behind them;
 * - the identity index only gains entries, and each says the revision that it is of: later ones are left out. A table that
 *   grows or is dropped is left behind as it was. Only an entry that is moved (usage re-driven) is noted down before.
 *
 * At most the parts that nobody has fetched yet are in memory, besides those pointers and one to each organization.
 */
export class SnapshotCut implements Cut {
  readonly revision: number;
  /** Bytes of the parts so far. */
  bytes = 0;
  private readonly number: number;
  private readonly residents: readonly Resident[];
  private readonly keys: readonly string[];
  private readonly commands: readonly RememberedCommand[];
  private readonly priced: readonly PricedVersion[];
  private readonly segments: readonly SegmentDump[];
  /** Entries of the index as they were before they were moved: table → place → revision, index. */
  private readonly moved = new Map<Uint32Array, Map<number, readonly [number, number]>>();
  private readonly writer: PartWriter;
  private writtenInTurn = 0;

  /** Of the state as it is now. It must be ended, whatever becomes of the snapshot. */
  constructor(
    private readonly state: ShardState,
    private readonly partWeight = PART_WEIGHT,
  ) {
    if (state.cut !== null) throw new Error('a snapshot of this state is being written already');
    this.writer = new PartWriter(partWeight);
    const { revision, bookedAt, offsets } = state;
    this.revision = revision;
    this.number = ++state.cuts;
    // Spread, which copies a map's whole table at once.
    this.residents = [...state.residents.values()];
    this.keys = [...state.commands.keys()];
    this.commands = [...state.commands.values()];
    this.priced = pricedIn(state);
    this.segments = state.identities.dump();
    const segments = this.segments.map((segment) => ({
      ...segment,
      tables: segment.tables.map((words) => words.length),
    }));
    const counts = { organizations: this.residents.length, commands: this.keys.length, priced: this.priced.length };
    const hash = new Uint8Array(state.hash);
    this.writer.add(
      { kind: 'head', foldVersion: FOLD_VERSION, revision, hash, bookedAt, offsets, ...counts, segments },
      1,
    );
    state.cut = this;
    state.identities.moving = (words, at) => this.note(words, at);
  }

  /** The parts; each is made when it is asked for. Fails where the snapshot is ended before the last. */
  async *parts(): AsyncGenerator<Uint8Array> {
    const pieces = this.addPieces();
    for (;;) {
      if (this.state.cut !== this) throw new SnapshotAbandoned('the state is not there any more');
      let part = this.writer.next();
      while (part === undefined && pieces.next().done !== true) part = this.writer.next();
      part ??= this.writer.rest();
      if (part === undefined) return;
      this.bytes += part.byteLength;
      yield part;
      await turn();
    }
  }

  before(organizationId: string): void {
    const resident = this.state.residents.get(organizationId);
    if (resident !== undefined) this.writtenInTurn += this.write(resident);
  }

  beginTurn(): void {
    this.writtenInTurn = 0;
  }

  get isTurnFull(): boolean {
    return this.writtenInTurn >= TURN_PARTS * this.partWeight;
  }

  /** Lets go of the state. */
  end(): void {
    if (this.state.cut !== this) return;
    this.state.cut = null;
    this.state.identities.moving = null;
  }

  /** Adds one piece after another, organizations first: once they are written, nothing is asked of the shard any more. */
  private *addPieces(): Generator<void> {
    for (const resident of this.residents) {
      this.write(resident);
      yield;
    }
    for (let at = 0; at < this.keys.length; at += LISTED) {
      const [keys, commands] = [this.keys.slice(at, at + LISTED), this.commands.slice(at, at + LISTED)];
      this.writer.add({ kind: 'commands', keys, commands }, this.partWeight);
      yield;
    }
    for (let at = 0; at < this.priced.length; at += LISTED) {
      this.writer.add({ kind: 'priced', versions: this.priced.slice(at, at + LISTED) }, this.partWeight);
      yield;
    }
    for (const [segment, { tables }] of this.segments.entries()) {
      for (const [table, all] of tables.entries()) {
        for (let at = 0; at < all.length; at += WORDS) {
          const words = this.wordsOf(all, at);
          this.writer.add({ kind: 'identities', segment, table, at, words }, (this.partWeight * words.length) / WORDS);
          yield;
        }
      }
    }
  }

  /** Writes it, where that is not done; answers what it weighs. */
  private write(resident: Resident): number {
    if (resident.cut === this.number) return 0;
    resident.cut = this.number;
    const { organization } = resident;
    const weight = weightOf(organization);
    this.writer.add({ kind: 'organization', organization }, weight);
    return weight;
  }

  /** Some words of a table as they were at the revision. A place that is empty without later entries was so before them. */
  private wordsOf(table: Uint32Array<ArrayBuffer>, from: number): Uint32Array<ArrayBuffer> {
    const words = table.slice(from, from + WORDS);
    const moved = this.moved.get(table);
    const limit = this.revision + 1;
    for (let at = 0; at < words.length; at += 4) {
      if ((words[at + 2] ?? 0) <= limit) continue;
      const before = moved?.get(from + at);
      if (before === undefined) words.fill(0, at, at + 4);
      else words.set(before, at + 2);
    }
    return words;
  }

  private note(words: Uint32Array, at: number): void {
    const [revision = 0, index = 0] = words.subarray(at + 2, at + 4);
    if (revision > this.revision + 1) return;
    let places = this.moved.get(words);
    if (places === undefined) {
      places = new Map();
      this.moved.set(words, places);
    }
    places.set(at, [revision, index]);
  }
}

const pricedIn = ({ lastPriced }: ShardState): readonly PricedVersion[] =>
  [...lastPriced].flatMap(([card, versions]) =>
    Array.from(versions, ([version, time]): PricedVersion => [card, version, time]),
  );

const weightOf = ({ lots, holds, refunded, members, wallets }: Organization): number => {
  const payments = wallets.reduce((total, { debtPayments }) => total + debtPayments.length, 0);
  return 1 + lots.size + holds.size + refunded.size + members.size + payments;
};
