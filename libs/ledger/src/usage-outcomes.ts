import {
  type Charge,
  isNotTaken,
  type LedgerEvent,
  type NotTakenCode,
  type QuarantineCode,
  type UsageRefusedCode,
} from '@drawdown/domain';
import { type Identity, uuidOf } from '@drawdown/kernel';
import type { UsageOutcome } from './ledger';

/** The outcome of a charge. The id's text is made only where somebody asks: most senders do not wait for it. */
export class ChargedOutcome {
  constructor(
    readonly outcome: 'charged' | 'duplicate',
    private readonly charge: Charge,
    private readonly identity: Identity,
  ) {}

  get transactionId(): string {
    return `txn_${uuidOf(this.identity)}`;
  }
  get wallet(): string {
    return this.charge.wallet;
  }
  get debited(): bigint {
    return this.charge.price - this.charge.uncovered;
  }
  get uncovered(): bigint {
    return this.charge.uncovered;
  }
  get balanceAfter(): bigint {
    return this.charge.balanceAfter;
  }
}

export const conflicted = (transactionId: string | null): UsageOutcome => ({ outcome: 'conflict', transactionId });

export const quarantined = (code: QuarantineCode, detail: string, duplicate: boolean): UsageOutcome => ({
  outcome: 'quarantined',
  code,
  detail,
  duplicate,
});

export const refusedUsage = (
  code: UsageRefusedCode | 'taken_before',
  detail: string,
  wallet: string | null = null,
  duplicate = false,
): UsageOutcome => ({ outcome: 'refused', code, detail, wallet, duplicate });

/** What a repetition of usage is told that was refused and recorded. */
export const refusedBefore = ({
  code,
  wallet,
}: Extract<LedgerEvent, { type: 'UsageRefused' }>['data']): UsageOutcome => ({
  ...{ outcome: 'refused', code, detail: 'refused before', wallet, duplicate: true },
});

/**
 * Whether a refusal leaves no fact behind: the event was as good as invalid or, where its organization is frozen, must
 * come again. Whoever took it from a stream has to keep it elsewhere before its offset may be passed (INV-INT-5).
 */
export const leftNothing = (
  outcome: UsageOutcome,
): outcome is Extract<UsageOutcome, { outcome: 'refused' }> & { readonly code: NotTakenCode } =>
  outcome.outcome === 'refused' && isNotTaken(outcome.code);

/** Of usage from a stream that was taken in before (INV-INT-10); what it became, its sender is told by sending it again. */
export const TAKEN_BEFORE = refusedUsage('taken_before', 'another owner of the shard has decided it', null, true);
