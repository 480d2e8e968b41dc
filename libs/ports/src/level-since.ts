/** How far what is followed reached, and when that was looked at. */
interface Mark {
  readonly head: number;
  readonly at: number;
}

/**
 * Since when one who follows is behind, as far as that was looked at: how long ago what it follows ended where it is now.
 * Under a steady load it is never level, and yet not ever further behind. One look too much at most, but for the first one
 * after it stood still. It asks no clock but the reader's own, so that no sender's makes it wrong; what had waited before
 * the first look counts from there.
 */
export class LevelSince {
  private mark: Mark | undefined;
  private levelAt: number | undefined;

  /** Takes in a look: what is reached, and the head of what is followed. In milliseconds. */
  behindMs(reached: number, head: number, at: number): number {
    if (this.mark === undefined || reached >= this.mark.head) {
      if (this.mark !== undefined) this.levelAt = this.mark.at;
      this.mark = { head, at };
    }
    this.levelAt = reached >= head ? at : (this.levelAt ?? at);
    return at - this.levelAt;
  }

  /** Without a look: what cannot be seen may have been growing all the time. */
  unseenMs(at: number): number {
    this.levelAt ??= at;
    return at - this.levelAt;
  }
}
