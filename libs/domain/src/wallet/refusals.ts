import { refuse } from '@drawdown/kernel';
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
