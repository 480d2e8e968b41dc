import { type CommandResult, LedgerUnavailable, type Sender } from '@drawdown/commands';
import type { AccessRefusal } from '@drawdown/domain';
import { type Instant, shift } from '@drawdown/kernel';
import type { OnModuleDestroy } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import type { HttpLog } from '../server/http-log';
import type { PrometheusMetrics } from '../server/metrics';

export interface RefusalLimits {
  /** How long an answer waits for its record: a refusal is told also where the ledger cannot be written. */
  readonly waitMs: number;
  /** For how long, and how often, a record is tried that could not be written. */
  readonly tryForMs: number;
  readonly retryMs: number;
  /** Records under way at once; what comes on top is not kept. */
  readonly underWay: number;
  /** Questions whose last answer is remembered. */
  readonly remembered: number;
}

const LIMITS: RefusalLimits = { waitMs: 250, tryForMs: 60_000, retryMs: 1_000, underWay: 1_000, remembered: 10_000 };

/** For so long of the organization's time the same answer to the same question is not kept again. */
const REPEATED_US = 60_000_000n;

type Write = (organizationId: string, refusal: AccessRefusal, sender: Sender) => Promise<CommandResult>;

/**
 * Keeps access decisions that refuse in the ledger (INV-AUD-6), from wherever they were decided. A caller that asks in a
 * loop is answered each time and recorded once a minute; another question, another answer, or other figures in it are
 * recorded at once. A record of unknown outcome is tried again and may stand in the log twice.
 */
export class AccessRefusals implements OnModuleDestroy {
  /** By organization and question; the one that was recorded longest ago is first. */
  private readonly told = new Map<string, { readonly answer: string; readonly at: Instant }>();
  private underWay = 0;
  private stopped = false;

  constructor(
    private readonly write: Write,
    private readonly log: Pick<HttpLog, 'error'>,
    private readonly metrics: Pick<PrometheusMetrics, 'count'>,
    private readonly limits = LIMITS,
  ) {}

  onModuleDestroy(): void {
    this.stopped = true;
  }

  /** Resolves once it is kept, or was a moment ago, or that takes too long to wait for. */
  async record(organizationId: string, refusal: AccessRefusal, sender: Sender): Promise<void> {
    const { asked, asOf, ...answer } = refusal;
    const question = textOf([organizationId, asked]);
    if (!this.isNew(question, textOf(answer), asOf.time)) return;
    await Promise.race([
      this.keep(organizationId, refusal, sender).then((kept) => {
        if (!kept) this.told.delete(question);
      }),
      pause(this.limits.waitMs, undefined, { ref: false }),
    ]);
  }

  private isNew(question: string, answer: string, at: Instant): boolean {
    const before = this.told.get(question);
    if (before?.answer === answer && at < shift(before.at, REPEATED_US)) return false;
    this.told.delete(question);
    this.told.set(question, { answer, at });
    const [oldest] = this.told.keys();
    if (this.told.size > this.limits.remembered && oldest !== undefined) this.told.delete(oldest);
    return true;
  }

  /** False where it was given up; never rejects. */
  private async keep(organizationId: string, refusal: AccessRefusal, sender: Sender): Promise<boolean> {
    if (this.underWay >= this.limits.underWay) return this.lost(organizationId, refusal, 'too many are under way');
    this.underWay += 1;
    try {
      const until = performance.now() + this.limits.tryForMs;
      for (;;) {
        const failure = await this.tryOnce(organizationId, refusal, sender);
        if (failure === null) return true;
        const again = failure instanceof LedgerUnavailable && !this.stopped && performance.now() < until;
        if (!again) return this.lost(organizationId, refusal, String(failure));
        await pause(this.limits.retryMs, undefined, { ref: false });
      }
    } finally {
      this.underWay -= 1;
    }
  }

  /** Null where nothing is left to do: it is kept, or the organization was closed meanwhile, which the ledger says. */
  private async tryOnce(organizationId: string, refusal: AccessRefusal, sender: Sender): Promise<Error | null> {
    try {
      const { accepted } = await this.write(organizationId, refusal, sender);
      if (accepted) this.metrics.count('access_refusals_total', { outcome: 'recorded' });
      return null;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  private lost(organizationId: string, { code, asOf }: AccessRefusal, why: string): false {
    this.metrics.count('access_refusals_total', { outcome: 'lost' });
    this.log.error(
      { organization_id: organizationId, code, as_of: asOf, why },
      'a refused access decision is not on record',
    );
    return false;
  }
}

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
