import type { FollowerHealth } from './follower-status';

/** What a runner tells of itself, whole each time: plain data, which crosses threads. */
export interface ProgressReport {
  /** The tables are there and the projectors run. */
  readonly opened: boolean;
  /** Why they are not, or are not switched; `tooNew` where no time cures it. */
  readonly failure: {
    readonly message: string;
    readonly tooNew: { readonly found: number; readonly known: number } | null;
  } | null;
  /** The tables that answer, by projector, and the last revision in them, by shard. */
  readonly serving: readonly {
    readonly projector: string;
    readonly suffix: string;
    readonly revisions: readonly number[];
  }[];
  readonly health: readonly FollowerHealth[];
}
