/** Snapshots of one name: the newest, and two to fall back on where it turns out to be damaged. */
export const SNAPSHOTS_KEPT = 3;

/** Keeps the newest snapshots of shards. Losing them all changes what a start costs, never what it means. */
export interface SnapshotStore {
  /** Keeps the snapshot, durably, in place of one of the same revision; drops all but the newest {@link SNAPSHOTS_KEPT}. */
  save(name: string, revision: number, bytes: Uint8Array): Promise<void>;
  /** Revisions of the snapshots there are, newest first. */
  list(name: string): Promise<readonly number[]>;
  /** The bytes as saved; `undefined` where it is missing or damaged. */
  load(name: string, revision: number): Promise<Uint8Array | undefined>;
}
export const SnapshotStore = Symbol('SnapshotStore');
