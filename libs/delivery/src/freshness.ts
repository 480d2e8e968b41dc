/**
 * How fresh a projector keeps its rows while the whole is not at its limit (see `Rest`). What gathers for longer is
 * written in fewer transactions, each of which costs five processes and a broker some time: at half of its load the whole
 * form spends more on transactions than on charges. Whoever asks `after=` waits for it, of the 5 s that there are.
 */
export interface Freshness {
  /** How long records gather in Kafka before the projector's process asks for more, in milliseconds. */
  readonly gatherMs: number;
  /** The longest rest after a commit, in milliseconds. */
  readonly restMs: number;
}

/** For what says whether somebody can go on: what a wallet has left. */
export const PROMPT: Freshness = { gatherMs: 15, restMs: 20 };

/** For what is looked at later: sums over hours and days, and lists of what has been. */
export const WITHIN_A_SECOND: Freshness = { gatherMs: 150, restMs: 400 };
