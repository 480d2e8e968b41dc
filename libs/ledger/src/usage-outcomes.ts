import type { Charge, QuarantineCode } from '@drawdown/domain';
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
  code: string,
  detail: string,
  wallet: string | null = null,
  duplicate = false,
): UsageOutcome => ({ outcome: 'refused', code, detail, wallet, duplicate });
