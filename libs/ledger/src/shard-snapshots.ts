import type { Log, SnapshotStore } from '@drawdown/ports';
import type { ShardState } from './fold';
import { SnapshotCut } from './snapshot-cut';

/** Of the log, after which a snapshot is worth its cost: some 500,000 charges, which a start folds in a few seconds. */
export const EVERY_BYTES = 100 * 1024 * 1024;

/** Saves a shard's state from time to time, for its own next start and for that of its next owner. */
export class ShardSnapshots {
  /** Bytes of the log that the last one does not have. */
  private missing = 0;
  private due = EVERY_BYTES;
  /** Bytes of the log between two: as many as the last one had, so that a large state is not written over and over. */
  private every = EVERY_BYTES;
  private saving: Promise<void> | null = null;
  private cut: SnapshotCut | null = null;
  /** Whether somebody waits for what is being saved, and comes next. */
  private wanted = false;

  constructor(
    private readonly stream: string,
    private readonly ports: { readonly snapshots: SnapshotStore; readonly log: Log },
    /** The state as it is stored; null where that is not known at the moment. */
    private readonly state: () => ShardState | null,
    private readonly take = (state: ShardState): SnapshotCut => new SnapshotCut(state),
  ) {}

  /** The state comes from a snapshot and so many bytes of the log. */
  loaded(bytes: number): void {
    this.missing = bytes;
  }

  /** So many bytes more are in the log. */
  stored(bytes: number): void {
    this.missing += bytes;
  }

  /** Saves where that is worth it. Rejects only where the program is wrong: that nothing could be written it says in the log. */
  async saveIfDue(): Promise<void> {
    if (this.missing < this.due || this.saving !== null) return;
    this.wanted = true;
    this.saving = this.save();
    try {
      await this.saving;
    } finally {
      this.saving = null;
    }
  }

  /** As {@link saveIfDue}, whatever is not saved yet. */
  async saveRest(): Promise<void> {
    this.wanted = true;
    await this.saving;
    if (this.wanted && this.missing > 0) await this.save();
  }

  /** Leaves the one that is being saved: it is let go of, wherever it hangs, and none is begun later, in its turn or after it. */
  giveUp(): void {
    this.wanted = false;
    this.cut?.end();
  }

  private async save(): Promise<void> {
    let covered = 0;
    try {
      await this.ports.snapshots.save(this.stream, () => {
        const state = this.wanted ? this.state() : null;
        if (state === null) return null;
        this.cut = this.take(state);
        covered = this.missing;
        this.missing = 0;
        return { revision: this.cut.revision, parts: this.cut.parts() };
      });
      if (this.cut !== null) this.every = Math.max(EVERY_BYTES, this.cut.bytes);
      this.due = this.every;
    } catch (error) {
      this.every = Math.max(this.every, this.cut?.bytes ?? 0);
      this.missing += covered;
      this.due = this.missing + this.every / 10; // not again after each append: taking it is work for the shard
      this.ports.log.warn(
        { stream: this.stream, error: (error as Error).message },
        'no snapshot was written; starts are slower',
      );
    } finally {
      const { cut } = this;
      this.cut = null;
      cut?.end();
    }
  }
}
