/**
 * Calls for usage that are on their way to one shard and back. Usage that was not answered in time is decided all the same,
 * and its sender sends it again: were everything sent on, what is in hand would be more each time, until no answer came in
 * time any more (FLT-80). So while a call is late only one other waits for its answer, and finds out how the shard is.
 */
export class ShardFlight {
  private last = 0;
  private readonly waiting = new Set<number>();
  private readonly late = new Set<number>();

  /** Whether one call more may wait. */
  get isOpen(): boolean {
    return this.late.size === 0 || this.waiting.size === 0;
  }

  /** The number of a call that waits. */
  begin(): number {
    this.last += 1;
    this.waiting.add(this.last);
    return this.last;
  }

  /** Nobody waits for it any more; answers what to call when it was answered after all, or is given up. */
  overdue(call: number): () => void {
    this.waiting.delete(call);
    this.late.add(call);
    return () => this.late.delete(call);
  }

  /** A shard decides in the order in which it was sent: what came before is decided, too, though its answer be lost. */
  answered(call: number): void {
    for (const earlier of this.late) if (earlier < call) this.late.delete(earlier);
  }

  /** Whatever became of it. */
  end(call: number): void {
    this.waiting.delete(call);
  }
}
