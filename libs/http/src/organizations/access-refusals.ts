import type { CommandResult, Idempotency, Sender } from '@drawdown/commands';
import type { AccessRefusal } from '@drawdown/domain';
import { type Instant, shift } from '@drawdown/kernel';
import type { OnModuleDestroy } from '@nestjs/common';
import { hash, randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { HttpLog } from '../server/http-log';
import type { PrometheusMetrics } from '../server/metrics';
import { ReaderQuota } from './reader-quota';
import { type LaneLimits, RecordLane } from './record-lane';

export interface RefusalLimits extends LaneLimits {
  /** How long an answer waits for its record: a refusal is told also where the ledger cannot be written. */
  readonly waitMs: number;
  /** How long the end of the process waits for records under way. */
  readonly stopMs: number;
  /** Questions whose last answer is remembered. */
  readonly remembered: number;
  /** Records of one reader in one organization within a minute. */
  readonly ofReader: number;
}

const LIMITS: RefusalLimits = {
  ...{ waitMs: 250, stopMs: 2_000, remembered: 10_000, ofReader: 300 },
  ...{ waiting: 1_000, atOnce: 16, tryForMs: 60_000, retryMs: 1_000, retryMostMs: 10_000 },
};

/** For so long of the organization's time the same answer to the same question is not kept again. */
const REPEATED_US = 60_000_000n;

/** How refusals get into the ledger. */
export interface RefusalPorts {
  readonly shardOf: (organizationId: string) => number;
  readonly write: (
    organizationId: string,
    refusal: AccessRefusal,
    sender: Sender,
    idempotency: Idempotency | null,
  ) => Promise<CommandResult>;
  readonly log: Pick<HttpLog, 'error'>;
  readonly metrics: Pick<PrometheusMetrics, 'count'>;
}

interface Fate {
  isLost: boolean;
}

interface Told {
  readonly answer: string;
  readonly at: Instant;
  /** What was lost is kept when it is asked again. */
  readonly fate: Readonly<Fate>;
  readonly keeping: Promise<void>;
}

/**
 * Keeps access decisions that refuse in the ledger (INV-AUD-6), from wherever they were decided. Who asks the same in a
 * loop is answered each time and recorded once a minute; another question, another answer, or other figures in it are
 * recorded at once, each an event like that of any other write, of those who only read so many a minute. A record of
 * unknown outcome is tried again and may stand in the log twice.
 */
export class AccessRefusals implements OnModuleDestroy {
  /** By organization, caller and question; the one that was recorded longest ago is first. */
  private readonly told = new Map<string, Told>();
  private readonly lanes = new Map<number, RecordLane>();
  private readonly stopping = new AbortController();
  private readonly quota: ReaderQuota;

  constructor(
    private readonly ports: RefusalPorts,
    private readonly limits = LIMITS,
    now?: () => number,
  ) {
    this.quota = new ReaderQuota(limits.ofReader, ports.metrics, now);
  }

  /** Before the ledger is drained: what is under way may still be kept. */
  async onModuleDestroy(): Promise<void> {
    this.stopping.abort();
    const underWay = Promise.all([...this.lanes.values()].map((lane) => lane.idle()));
    await Promise.race([underWay, pause(this.limits.stopMs, undefined, { ref: false })]);
    for (const lane of this.lanes.values()) lane.abandon();
  }

  /**
   * Resolves once it is kept, or that takes too long to wait for. `isReader`: who asks reports no usage. Rejects with the
   * problem of a reader that has had too much recorded.
   */
  async record(organizationId: string, refusal: AccessRefusal, sender: Sender, isReader = false): Promise<void> {
    const { asked, asOf, ...answer } = refusal;
    const question = hash('sha256', textOf([organizationId, sender.actor, asked]), 'base64');
    let told = this.told.get(question);
    if (told === undefined || !isRepeated(told, textOf(answer), asOf.time)) {
      if (isReader) this.quota.take(organizationId, sender.actor);
      const fate = { isLost: false };
      const keeping = this.keep(organizationId, refusal, sender, fate);
      told = { answer: textOf(answer), at: asOf.time, fate, keeping };
      this.remember(question, told);
    }
    await Promise.race([told.keeping, pause(this.limits.waitMs, undefined, { ref: false })]);
  }

  private remember(question: string, told: Told): void {
    this.told.delete(question);
    this.told.set(question, told);
    const [oldest] = this.told.keys();
    if (this.told.size > this.limits.remembered && oldest !== undefined) this.told.delete(oldest);
  }

  private keep(organizationId: string, refusal: AccessRefusal, sender: Sender, fate: Fate): Promise<void> {
    const { shardOf, write, log, metrics } = this.ports;
    const again: Idempotency = { key: `access-refused-${randomUUID()}`, hash: '' };
    return this.laneOf(shardOf(organizationId)).add({
      write: async (mayBeThere) => {
        const { accepted } = await write(organizationId, refusal, sender, mayBeThere ? again : null);
        // Not accepted: the organization was closed meanwhile, which the ledger says.
        if (accepted) metrics.count('access_refusals_total', { outcome: 'recorded' });
      },
      lost: (why) => {
        fate.isLost = true;
        metrics.count('access_refusals_total', { outcome: 'lost' });
        const { code, asked, asOf } = refusal;
        log.error(
          {
            request_id: sender.requestId,
            organization_id: organizationId,
            asked: textOf(asked),
            code,
            as_of: asOf,
            why,
          },
          'a refused access decision may not be on record',
        );
      },
    });
  }

  private laneOf(shard: number): RecordLane {
    let lane = this.lanes.get(shard);
    if (lane === undefined) {
      lane = new RecordLane(this.limits, this.stopping.signal);
      this.lanes.set(shard, lane);
    }
    return lane;
  }
}

/** A clock that was set back makes nothing a repetition. */
const isRepeated = (told: Told, answer: string, at: Instant): boolean =>
  !told.fate.isLost && told.answer === answer && told.at <= at && at < shift(told.at, REPEATED_US);

const textOf = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
