import type { CatalogueEvent } from '@drawdown/domain';
import { CATALOGUE, type Position, positionOf } from '@drawdown/kernel';
import { ReadBehind } from '../ledger';
import type { Sleep } from '../sleep';
import type { CatalogueStreams, Written } from './catalogue-streams';
import type { CatalogueResult, RepeatableResult } from './results';

/** How long a position of another process is waited for, and how often it is looked. */
const REACHED_MS = 5_000;
const REACHED_STEP_MS = 10;

/** What another process has written to the catalogue is not known here within the time limit. Send it again. */
export class CatalogueBehind extends ReadBehind {}

/** How much of the catalogue this process knows, and what a write to it is answered with. */
export class CatalogueProgress {
  /** Everything up to here is known. */
  followed = -1;
  /** Whether others write, too: then own writes say nothing of what came before them. */
  isFollowing = false;
  private latest = -1;

  constructor(private readonly sleep: Sleep) {}

  /** Position of the latest event that is known, own writes included, which may be ahead of what is followed; −1 where there is none. */
  get seen(): number {
    return this.latest;
  }

  get covered(): number {
    return Math.max(this.isFollowing ? this.followed : this.latest, 0);
  }

  know(position: number): void {
    this.latest = Math.max(this.latest, position);
  }

  async reached(position: number, ms = REACHED_MS): Promise<void> {
    for (let waited = 0; this.covered < position; waited += REACHED_STEP_MS) {
      if (waited >= ms) throw new CatalogueBehind(`the catalogue is at ${String(this.covered)} still`);
      await this.sleep(REACHED_STEP_MS);
    }
  }

  /** Takes in what others have written to a stream by now, where there are others. */
  async reread(streams: Pick<CatalogueStreams<unknown, CatalogueEvent>, 'reread'>, key: string): Promise<void> {
    if (this.isFollowing) this.know(await streams.reread(key));
  }

  answered<State, T>(written: Written<State>, value: (state: State) => T): RepeatableResult<T> {
    if (!written.accepted) return written;
    const { state, position, replayed } = written;
    return { accepted: true, value: value(state), position: this.at(position), replayed };
  }

  /** Of writes that carry no key, so that none was used before. */
  plain<State, T>(written: Written<State>, value: (state: State) => T): CatalogueResult<T> {
    const result = this.answered(written, value);
    if ('keyReused' in result) throw new Error('a write without a key met one');
    return result;
  }

  /** The position of a write; of one that wrote nothing, what is known here. */
  private at(position: number | null): Position {
    this.know(position ?? 0);
    return positionOf(CATALOGUE, position ?? this.latest);
  }
}
