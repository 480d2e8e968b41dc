/** Streams whose head is remembered; for one that was forgotten, the next append reads it. */
const STREAMS_MAX = 10_000;

/** Heads of streams, as far as this process knows. A stream only grows, so what is known is a lower bound. */
export class KnownHeads {
  private readonly heads = new Map<string, number>();

  get(stream: string): number | undefined {
    return this.heads.get(stream);
  }

  learn(stream: string, head: number): void {
    const known = this.heads.get(stream) ?? -1;
    this.heads.delete(stream); // to the end of the order: the least recently learned is forgotten first
    this.heads.set(stream, Math.max(known, head));
    if (this.heads.size <= STREAMS_MAX) return;
    for (const oldest of this.heads.keys()) {
      this.heads.delete(oldest);
      return;
    }
  }

  forget(stream: string): void {
    this.heads.delete(stream);
  }
}
