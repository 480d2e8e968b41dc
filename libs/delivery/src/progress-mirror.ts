import { DatabaseUnavailable } from '@drawdown/ports';
import type { FollowerHealth } from './follower-status';
import { DatabaseTooNew } from './format';
import { Reached, ReadModelBehind, type ReadProgress, type Serving, untilReached } from './progress';
import type { ProgressReport } from './progress-report';

/**
 * Stands for a runner that works elsewhere, by its last report. Where reports stop coming because that place is gone, it
 * stays with what it knows: the tables are still there, and those who wait go on waiting for the runner that comes.
 */
export class ProgressMirror implements ReadProgress {
  private report: ProgressReport | undefined;
  private readonly serves = new Map<string, Serving>();
  private readonly openings: ((report: ProgressReport) => void)[] = [];

  /** `tellLost` has the runner's `lost` called. */
  constructor(private readonly tellLost: (projector: string, suffix: string) => void) {}

  get trouble(): string | null {
    const { failure, opened } = this.report ?? { failure: null, opened: false };
    if (failure !== null) return failure.message;
    return opened ? null : 'the tables of the read models are being prepared';
  }

  health(): readonly FollowerHealth[] {
    return this.report?.health ?? [];
  }

  accept(report: ProgressReport): void {
    this.report = report;
    for (const { projector, suffix, revisions } of report.serving) {
      const tables = this.tables(projector, suffix, revisions.length);
      for (const [shard, revision] of revisions.entries()) tables[shard]?.set(revision);
    }
    // A runner that is just starting does not know yet what there is.
    if (report.opened) this.forgetAllBut(new Set(report.serving.map(({ projector }) => projector)));
    for (const { projector, model, shard, state } of report.health) {
      const serving = this.serves.get(projector);
      if (state === 'halted' && model === projector + (serving?.suffix ?? '')) serving?.reached[shard]?.giveUp();
    }
    if (report.opened || isHopeless(report)) for (const opening of this.openings.splice(0)) opening(report);
  }

  /** Resolves once the tables are there; throws {@link DatabaseTooNew}. */
  async opened(): Promise<void> {
    const { report } = this;
    const known = report !== undefined && (report.opened || isHopeless(report));
    const { failure } = known ? report : await new Promise<ProgressReport>((resolve) => this.openings.push(resolve));
    if (failure?.tooNew) throw new DatabaseTooNew(failure.tooNew.found, failure.tooNew.known);
  }

  async serving(projector: string): Promise<string> {
    return this.present(projector).suffix;
  }

  async reached(projector: string, shard: number, revision: number, timeoutMs: number): Promise<void> {
    await untilReached(() => this.present(projector), projector, shard, revision, timeoutMs);
  }

  lost(projector: string, suffix: string): void {
    if (this.serves.get(projector)?.suffix === suffix) this.tellLost(projector, suffix);
  }

  /** No report will come any more: whoever waits is told. */
  giveUp(): void {
    for (const { reached } of this.serves.values()) for (const shard of reached) shard.giveUp();
  }

  private present(projector: string): Serving {
    const serving = this.serves.get(projector);
    if (serving !== undefined) return serving;
    const failure = this.report?.failure;
    if (failure) throw new DatabaseUnavailable(`the read models are not open: ${failure.message}`);
    throw new ReadModelBehind(`the read model ${projector} is being built`);
  }

  private tables(projector: string, suffix: string, shards: number): readonly Reached[] {
    const known = this.serves.get(projector);
    if (known?.suffix === suffix) return known.reached;
    const serving: Serving = { suffix, reached: Array.from({ length: shards }, () => new Reached()) };
    this.serves.set(projector, serving);
    for (const shard of known?.reached ?? []) shard.giveUp(); // they find the new ones
    return serving.reached;
  }

  private forgetAllBut(known: ReadonlySet<string>): void {
    for (const [projector, { reached }] of this.serves) {
      if (known.has(projector)) continue;
      this.serves.delete(projector);
      for (const shard of reached) shard.giveUp();
    }
  }
}

const isHopeless = ({ failure }: ProgressReport): boolean => failure !== null && failure.tooNew !== null;
