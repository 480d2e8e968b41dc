import { type Decided, plannedOf, undecide } from './decide-works';
import type { Work } from './work';

/** Works, and usage events within them, that may wait; what comes on top is refused with 503. */
const WORKS_MAX = 20_000;
const USAGES_MAX = 100_000;

const usagesOf = (work: Work): number => (work.kind === 'usage' ? work.usages.length : 0);

/** What waits for a turn of a shard, in the order in which it came. */
export class WorkQueue {
  private works: Work[] = [];
  private usages = 0;

  get isEmpty(): boolean {
    return this.works.length === 0;
  }

  get isFull(): boolean {
    return this.works.length >= WORKS_MAX || this.usages > USAGES_MAX;
  }

  get first(): Work | undefined {
    return this.works[0];
  }

  has(work: Work): boolean {
    return this.works.includes(work);
  }

  push(work: Work): void {
    this.works.push(work);
    this.usages += usagesOf(work);
  }

  /** The works of the next turn; they stay in the queue until they are decided. */
  planned(): readonly Work[] {
    return plannedOf(this.works);
  }

  /** What a turn has finished leaves the queue, what it has postponed goes to its end. */
  decided({ finished, postponed }: Decided): void {
    for (const work of this.works.splice(0, finished)) this.usages -= usagesOf(work);
    for (const work of postponed) this.push(work);
  }

  /** Works whose decisions were not stored, to be decided again before all others. */
  putBack(works: readonly Work[]): void {
    this.works.unshift(...works);
    for (const work of works) this.usages += usagesOf(work);
  }

  /** Nothing of what was decided of the works here is stored. */
  undecide(): void {
    undecide(this.works);
  }

  /** Takes one work out, wherever it stands. */
  remove(work: Work): void {
    const place = this.works.indexOf(work);
    if (place < 0) return;
    this.works.splice(place, 1);
    this.usages -= usagesOf(work);
  }

  takeAll(): readonly Work[] {
    const { works } = this;
    this.works = [];
    this.usages = 0;
    return works;
  }
}
