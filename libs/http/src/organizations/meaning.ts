import { creditsOf, instantOf, optional } from '../fields/values';
import type { Instant } from '@drawdown/kernel';
import { type Finding, findings } from '../problems/problem';

/**
 * What is well-formed and yet cannot be meant, whatever the state (bad-input order of checks: meaning comes before
 * state). The ledger would refuse it too, but it records what it refuses under an Idempotency-Key; this leaves no trace,
 * and a repetition gets the same answer all the same.
 */
export const refuseMeaningless = (...found: readonly ((Finding & Partial<Passing>) | null)[]): void => {
  const all = found.filter((one) => one !== null);
  if (all.some(({ passes }) => passes !== true)) throw findings(all);
};

/**
 * True of what is wrong by now, and was not before: by itself it is left to the ledger, which answers a repetition of what
 * it accepted then as it did, and refuses the rest without a trace, too (INV-INT-8).
 */
interface Passing {
  readonly passes: boolean;
}

/** An amount of 0 moves nothing. */
export const zero = (amount: string | null | undefined): Finding | null =>
  optional(amount, creditsOf) === 0n
    ? { pointer: '/amount', code: 'amount_out_of_range', detail: 'an amount of 0 moves nothing' }
    : null;

/** Bytes of all names of a scope: it stands in one event, and in the answer that is kept beside it. */
const SCOPE_BYTES_MAX = 64 * 1024;

/** A scope with more names than one lot can carry. */
export const tooWide = (scope: object | null | undefined): Finding | null =>
  Buffer.byteLength(JSON.stringify(scope ?? {})) <= SCOPE_BYTES_MAX
    ? null
    : {
        pointer: '/scope',
        code: 'too_many_items',
        detail: `the names of a scope take at most ${String(SCOPE_BYTES_MAX)} bytes; grant several lots`,
      };

/** A reason that says nothing. */
export const blank = (reason: string): Finding | null =>
  reason.trim() === ''
    ? { pointer: '/reason', code: 'reason_required', detail: 'say why, in words; it stays in the ledger' }
    : null;

/** An end that is over, or not after the beginning. */
export const ended = (
  end: string | null | undefined,
  now: Instant,
  begin?: string | null,
): (Finding & Passing) | null => {
  const at = optional(end, instantOf);
  const from = optional(begin, instantOf) ?? now;
  if (at === null || (at > from && at > now)) return null;
  const isOver = begin === null || begin === undefined || at > from;
  return {
    pointer: '/expires_at',
    code: 'invalid_interval',
    detail: `the end must be after ${from > now ? from : now}`,
    passes: isOver,
  };
};
