/** How long to wait for the server, in milliseconds. The client itself sets no timer for any of it. */
export interface Patience {
  /** For the answer to an append; the server itself gives up after 2 s (WriteTimeoutMs). */
  readonly appendMs: number;
  /** Until what an append was refused for can be read: so long the server itself has to store it (WriteTimeoutMs). */
  readonly shownMs: number;
  /** For the next event of a read. */
  readonly readMs: number;
  /** Without anything from a subscription, until it is checked whether there is something to come. */
  readonly silenceMs: number;
  /** Without a subscription, until whoever follows is told that the store cannot be read. */
  readonly unreachableMs: number;
}

export const PATIENCE: Patience = {
  ...{ appendMs: 5_000, shownMs: 2_000, readMs: 10_000 },
  ...{ silenceMs: 15_000, unreachableMs: 30_000 },
};
