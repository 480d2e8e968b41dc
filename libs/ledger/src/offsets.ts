import type { ShardState } from './fold';
import type { Offsets } from './journal';
import type { SourceOffset, UsageWork } from './work';

type ByPartition = Map<string, number>;

/**
 * Which records of a source are taken in: those that the log says, whoever wrote it, and those that this turn and the
 * turns before it have decided without leaving a fact. A record that is taken in is not decided again (INV-INT-10).
 */
export class TakenOffsets {
  private readonly added = new Map<string, ByPartition>();

  constructor(
    private readonly recorded: ShardState['offsets'],
    before: TakenOffsets | null,
  ) {
    for (const [topic, partitions] of before?.added ?? []) this.added.set(topic, new Map(partitions));
  }

  has({ topic, partition, offset }: SourceOffset): boolean {
    const key = String(partition);
    const recorded = this.recorded.get(topic)?.get(key) ?? -1;
    return offset <= recorded || offset <= (this.added.get(topic)?.get(key) ?? -1);
  }

  /** True where the i-th usage event of a work was taken in before. */
  hasUsage({ source }: UsageWork, i: number): boolean {
    return source !== null && this.has({ ...source, offset: source.each?.[i] ?? source.offset });
  }

  /** This record, and all before it in its partition, are decided. */
  take(source: SourceOffset): void {
    if (this.has(source)) return;
    const partitions = this.added.get(source.topic) ?? new Map<string, number>();
    this.added.set(source.topic, partitions);
    partitions.set(String(source.partition), source.offset);
  }

  /** What the log does not say yet, for the next append's metadata; null where that is nothing. */
  unrecorded(): Offsets | null {
    const offsets: Record<string, Record<string, number>> = {};
    for (const [topic, partitions] of this.added) {
      for (const [partition, offset] of partitions) {
        // Another writer may have come further meanwhile: what is recorded never goes back.
        if (offset <= (this.recorded.get(topic)?.get(partition) ?? -1)) continue;
        (offsets[topic] ??= {})[partition] = offset;
      }
    }
    return Object.keys(offsets).length === 0 ? null : offsets;
  }
}
