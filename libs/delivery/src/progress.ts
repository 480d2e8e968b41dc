/** How far the read models have got, for those who ask them. */

/** What a query needs to know of the projectors, wherever these run. */
export interface ReadProgress {
  /**
   * Suffix of the tables that answer for this projector now. Rejects with {@link ReadModelBehind} while its first
   * generation is being built.
   */
  serving(projector: string): Promise<string>;
  /** Resolves once the serving tables hold the shard up to `revision`; rejects with {@link ReadModelBehind} after `timeoutMs`. */
  reached(projector: string, shard: number, revision: number, timeoutMs: number): Promise<void>;
  /** To be told that the tables of `suffix` are not there (any more); `serving` then finds out anew. */
  lost(projector: string, suffix: string): void;
}

/** The read model has not reached what was asked for, or is being built. Ask again soon. */
export class ReadModelBehind extends Error {
  readonly code = 'read_model_behind';
}

interface Waiter {
  readonly revision: number;
  readonly end: (reached: boolean) => void;
}

/** How far one shard is in one read model, and who waits for it. Woken by commits; nobody polls. */
export class Reached {
  private revision = -1;
  private isOver = false;
  private readonly waiters = new Set<Waiter>();

  get present(): number {
    return this.revision;
  }

  /** Where the rows are now; goes back where a generation takes over that has come less far. */
  set(revision: number): void {
    this.revision = revision;
    this.isOver = false;
    for (const { revision: wanted, end } of this.waiters) {
      if (wanted <= revision) end(true);
    }
  }

  /** It will not go on, until the next {@link set}: whoever waits is told, and whoever would. */
  giveUp(): void {
    this.isOver = true;
    for (const { end } of this.waiters) end(false);
  }

  /** Resolves to whether it came to that, before the time was over where one is given. */
  wait(revision: number, timeoutMs?: number): Promise<boolean> {
    if (revision <= this.revision) return Promise.resolve(true);
    if (this.isOver) return Promise.resolve(false);
    return new Promise((resolve) => {
      let timer: NodeJS.Timeout | undefined;
      const waiter: Waiter = {
        revision,
        end: (reached) => {
          clearTimeout(timer);
          this.waiters.delete(waiter);
          resolve(reached);
        },
      };
      if (timeoutMs !== undefined) timer = setTimeout(() => waiter.end(false), timeoutMs);
      this.waiters.add(waiter);
    });
  }
}

/** The tables that answer for a projector now, and how far they are, by shard. */
export interface Serving {
  readonly suffix: string;
  readonly reached: readonly Reached[];
}

/** {@link ReadProgress.reached}, where `serving` gives what answers now, or throws why nothing does. */
export const untilReached = async (
  serving: () => Serving,
  projector: string,
  shard: number,
  revision: number,
  timeoutMs: number,
): Promise<void> => {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const present = serving();
    const reached = present.reached[shard];
    if (reached === undefined) throw new ReadModelBehind(`there is no shard ${String(shard)}`);
    if (await reached.wait(revision, until - performance.now())) return;
    if (serving() !== present) continue; // another generation answers now
    const have = `${projector} has come to revision ${String(reached.present)} of shard ${String(shard)}`;
    throw new ReadModelBehind(`${have}, not to ${String(revision)}`);
  }
};
