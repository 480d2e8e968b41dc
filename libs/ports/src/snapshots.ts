import { Turns } from './turns';

/** Snapshots of one name: the newest, and two to fall back on where it turns out to be damaged. */
export const SNAPSHOTS_KEPT = 3;

/** A state as bytes, after the event of that revision. */
export interface Snapshot {
  readonly revision: number;
  /** One after another, all of its bytes. A part may be made only when it is asked for; where one fails, all of it has. */
  readonly parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Keeps the newest snapshots of shards. Losing them all changes what a start costs, never what it means. */
export interface SnapshotStore {
  /**
   * Keeps a snapshot, durably, in place of one of the same revision; drops all but the newest {@link SNAPSHOTS_KEPT}.
   * Saves take turns, and `take` is called when this one's has come: a process has many shards, and no room for a second
   * copy of each. Where it answers null, nothing is kept, and where a part fails, nothing is changed.
   */
  save(name: string, take: () => Snapshot | null): Promise<void>;
  /** Revisions of the snapshots there are, newest first. */
  list(name: string): Promise<readonly number[]>;
  /** The bytes as saved; `undefined` where it is missing or damaged. */
  load(name: string, revision: number): Promise<Uint8Array | undefined>;
}
export const SnapshotStore = Symbol('SnapshotStore');

/** The `save` of a store that writes one snapshot by `write`. */
export const savingInTurn = (write: (name: string, snapshot: Snapshot) => Promise<void>): SnapshotStore['save'] => {
  const turns = new Turns();
  return (name, take) =>
    turns.run(async () => {
      const snapshot = take();
      if (snapshot !== null) await write(name, snapshot);
    });
};
