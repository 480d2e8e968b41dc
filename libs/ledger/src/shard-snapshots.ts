import type { Log, SnapshotStore } from '@drawdown/ports';
import type { ShardState } from './fold';
import { takeSnapshot } from './snapshot';

/** Charges after which a snapshot is worth its cost, taken when nobody waits. */
const EVERY_CHARGES = 500_000;

/** Saves a shard's state from time to time, for its own next start and for that of its next owner. */
export class ShardSnapshots {
  /** Charges, or other facts, that the last one does not have. */
  private missing = 0;
  private saving: Promise<void> | null = null;

  constructor(
    private readonly stream: string,
    private readonly ports: { readonly snapshots: SnapshotStore; readonly log: Log },
  ) {}

  /** So many more charges, or other facts, are in the log. */
  stored(count: number): void {
    this.missing += count;
  }

  /** Saves `state`, which must be as it is stored, where that is worth it. Never rejects. */
  async saveIfDue(state: ShardState): Promise<void> {
    if (this.missing < EVERY_CHARGES || this.saving !== null) return;
    this.saving = this.save(state);
    await this.saving;
    this.saving = null;
  }

  /** Saves what is not saved yet; nothing where `state` is not known. Never rejects. */
  async saveRest(state: ShardState | null): Promise<void> {
    await this.saving;
    if (this.missing > 0 && state !== null) await this.save(state);
  }

  private async save(state: ShardState): Promise<void> {
    this.missing = 0;
    try {
      await this.ports.snapshots.save(this.stream, state.revision, takeSnapshot(state));
    } catch (error) {
      this.ports.log.warn(
        { stream: this.stream, error: (error as Error).message },
        'no snapshot was written; starts are slower',
      );
    }
  }
}
