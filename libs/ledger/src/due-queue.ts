import type { Instant } from '@drawdown/kernel';

interface Entry {
  readonly due: Instant;
  readonly organizationId: string;
}

const isBefore = (a: Entry, b: Entry): boolean =>
  a.due < b.due || (a.due === b.due && a.organizationId < b.organizationId);

/**
 * Organizations by the instant at which something is due for them next: a binary heap. An entry may be out of date;
 * whoever takes it compares it with the organization's present due instant.
 */
export class DueQueue {
  private readonly heap: Entry[] = [];

  get size(): number {
    return this.heap.length;
  }

  peek(): Entry | undefined {
    return this.heap[0];
  }

  /** Forgets everything and takes these instead. */
  refill(entries: Iterable<Entry>): void {
    this.heap.length = 0;
    for (const { due, organizationId } of entries) this.push(due, organizationId);
  }

  push(due: Instant, organizationId: string): void {
    const entry = { due, organizationId };
    let place = this.heap.length;
    this.heap.push(entry);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.heap[parent];
      if (above === undefined || !isBefore(entry, above)) break;
      this.heap[place] = above;
      place = parent;
    }
    this.heap[place] = entry;
  }

  pop(): Entry | undefined {
    const [first] = this.heap;
    const last = this.heap.pop();
    if (first === undefined || last === undefined || this.heap.length === 0) return first;
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const [a, b] = [this.heap[left], this.heap[left + 1]];
      if (a === undefined) break;
      const smaller = b !== undefined && isBefore(b, a) ? left + 1 : left;
      const child = this.heap[smaller];
      if (child === undefined || !isBefore(child, last)) break;
      this.heap[place] = child;
      place = smaller;
    }
    this.heap[place] = last;
    return first;
  }
}
