import { type Instant, refuse } from '@drawdown/kernel';
import type { Refusal } from './commands';

/** There is no such thing here, or it is not the caller's: the answer is the same. */
export const notFound = (what: string): { accepted: false; refusal: Refusal } => ({
  accepted: false,
  refusal: { code: 'not_found', detail: `there is no such ${what}` },
});

/** A reason must say something. */
export const withoutReason = (reason: string): ReturnType<typeof refuse<Refusal>> | null =>
  reason.trim() === ''
    ? refuse<Refusal>({
        code: 'reason_required',
        pointer: '/reason',
        detail: 'say why, in words; it stays in the ledger',
      })
    : null;

/**
 * An end that is over by now. It comes before anything that is found in the state, yet after what is known under an
 * Idempotency-Key: what was accepted while its end was ahead is answered again when that is over (INV-INT-8).
 */
export const alreadyOver = (end: Instant | null, now: Instant): ReturnType<typeof refuse<Refusal>> | null =>
  end === null || end > now
    ? null
    : refuse<Refusal>({
        code: 'invalid_interval',
        pointer: '/expires_at',
        detail: 'expires_at must be in the future',
        untraced: true,
      });
