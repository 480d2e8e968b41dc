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
  /** Then, for the answer to that; a server that does not answer it either is as silent as its subscription. */
  readonly askMs: number;
  /** Without a subscription, until whoever follows is told that the store cannot be read. */
  readonly unreachableMs: number;
}

export const PATIENCE: Patience = {
  ...{ appendMs: 5_000, shownMs: 2_000, readMs: 10_000 },
  // Together within 15 s (FLT-26), also where the connection is silent one way.
  ...{ silenceMs: 9_000, askMs: 5_000, unreachableMs: 30_000 },
};
