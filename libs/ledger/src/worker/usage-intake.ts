import { type DeadLetterReason, isRejection, type Rejection, type UsageEvent } from '@drawdown/domain';
import type { ConsumedRecord, Metrics, RecordBatch } from '@drawdown/ports';
import { DecisionFailed, ONE_FAILED, type Sender, type UsageOutcome, type UsageResult } from '../ledger';
import type { LedgerShard } from '../ledger-shard';
import { rememberingShards } from '../shard-of';
import {
  isKept,
  PRODUCER,
  readCatalogueSeen,
  readReplyAddress,
  readSender,
  type ReplyAddress,
} from '../stream/headers';
import type { Reply } from '../stream/reply-record';
import { readUsageRecord } from '../stream/usage-record';
import { submitUsages } from '../submit';
import { leftNothing, TAKEN_BEFORE } from '../usage-outcomes';
import type { Outbox } from './outbox';
import type { SeenCatalogue } from './seen-catalogue';

/** Records read in one go: more would keep the event loop from everything else for too long (a few ms). */
const READ_AT_ONCE = 500;

interface Taken {
  readonly record: ConsumedRecord;
  readonly usage: UsageEvent;
  readonly sender: Sender;
  readonly reply: ReplyAddress | null;
  /** Whether somebody is told what becomes of it, who then knows. */
  readonly isAnswered: boolean;
}

/** A batch of the usage topic, sorted out. */
interface Sorted {
  readonly taken: Taken[];
  readonly elsewhere: [number, ConsumedRecord][];
  readonly refused: { readonly record: ConsumedRecord; readonly rejection: Rejection<DeadLetterReason> }[];
}

const FAILED: Rejection<DeadLetterReason> = {
  rejected: 'decision_failed',
  pointer: '',
  detail: 'the ledger fails on this usage event',
};
/** The same to who waits for it, and has it still. */
const FAILED_REPLY: Reply = { kind: 'unavailable', detail: ONE_FAILED };

/**
 * Usage from the topic to the shard. What belongs elsewhere is acknowledged there before the offset may be passed, and
 * what left nothing in the ledger lies among the dead letters before the next batch is taken (INV-INT-5).
 */
export class UsageIntake {
  private readonly ownerOf: (organizationId: string) => number;

  constructor(
    shards: number,
    private readonly outbox: Outbox,
    private readonly catalogue: SeenCatalogue,
    private readonly metrics: Metrics,
  ) {
    this.ownerOf = rememberingShards(() => shards);
  }

  /**
   * Resolves when all records of the batch are decided and kept, so that they count as consumed. `source` is what the
   * shard's log calls the topic.
   */
  async take(shard: LedgerShard, batch: RecordBatch, source: string): Promise<void> {
    const taken = await this.passOn(batch);
    await this.catalogue.waitFor(batch.records.map(({ headers }) => readCatalogueSeen(headers)));
    try {
      await this.decide(shard, batch, source, taken, batch.records.at(-1)?.offset ?? -1);
    } catch (error) {
      if (!(error instanceof DecisionFailed)) throw error;
      const { before } = error;
      if (before !== null) await this.tell(batch, taken, before);
      await this.decideSingly(shard, batch, source, taken.slice(before?.outcomes.length ?? 0));
    }
  }

  /** Sends on what is not for the batch's own partition; resolves, once that is acknowledged, with what is. */
  async passOn(batch: RecordBatch): Promise<readonly Taken[]> {
    const sorted = await this.sort(batch);
    await this.outbox.forward(batch.topic, batch.partition, sorted.elsewhere);
    await this.outbox.bury(batch, sorted.refused);
    this.count('rejected', 'kafka', sorted.refused.length);
    return sorted.taken;
  }

  private async sort({ records, partition }: RecordBatch): Promise<Sorted> {
    const sorted: Sorted = { taken: [], elsewhere: [], refused: [] };
    for (const [i, record] of records.entries()) {
      if (i % READ_AT_ONCE === READ_AT_ONCE - 1) await new Promise((resolve) => setImmediate(resolve));
      const usage = readUsageRecord(record);
      if (isRejection(usage)) {
        sorted.refused.push({ record, rejection: usage });
        continue;
      }
      const owner = this.ownerOf(usage.organizationId);
      if (owner !== partition) {
        sorted.elsewhere.push([owner, record]);
        continue;
      }
      const { headers } = record;
      const reply = readReplyAddress(headers);
      const sender = readSender(headers, PRODUCER);
      const isAnswered = reply !== null && !isKept(headers);
      sorted.taken.push({ record, usage, sender, reply, isAnswered });
    }
    return sorted;
  }

  /**
   * The program fails on one of the records: the others are decided. That one is told to who waits for it, or else kept for
   * whoever corrects the program.
   */
  private async decideSingly(
    shard: LedgerShard,
    batch: RecordBatch,
    source: string,
    taken: readonly Taken[],
  ): Promise<void> {
    for (const one of taken) {
      try {
        await this.decide(shard, batch, source, [one], one.record.offset);
      } catch (error) {
        if (!(error instanceof DecisionFailed)) throw error;
        if (one.reply !== null) await this.outbox.reply([[one.reply, FAILED_REPLY]]);
        // Whoever is told has it still: each time it is sent again would be one more letter.
        if (one.isAnswered) continue;
        await this.outbox.bury(batch, [{ record: one.record, rejection: FAILED }]);
        this.count('rejected', 'kafka', 1);
      }
    }
  }

  private async decide(
    shard: LedgerShard,
    batch: RecordBatch,
    source: string,
    taken: readonly Taken[],
    offset: number,
  ): Promise<void> {
    const { partition } = batch;
    const result = await submitUsages(shard, {
      usages: taken.map(({ usage }) => usage),
      sender: PRODUCER,
      senders: taken.map(({ sender }) => sender),
      redrive: null,
      source: { topic: source, partition, offset, each: taken.map(({ record }) => record.offset) },
    });
    await this.tell(batch, taken, result);
  }

  /** Tells what became of the first of these, or of all. */
  private async tell(batch: RecordBatch, taken: readonly Taken[], result: UsageResult): Promise<void> {
    this.countOutcomes(taken, result);
    await this.outbox.reply(repliesOf(taken, result));
    await this.outbox.bury(batch, unanswered(taken, result));
  }

  private countOutcomes(taken: readonly Taken[], { outcomes }: UsageResult): void {
    const counts = { http: new Map<string, number>(), kafka: new Map<string, number>() };
    for (const [i, outcome] of outcomes.entries()) {
      // Counted by who decided it, or by who waits for it.
      if (outcome === TAKEN_BEFORE || taken[i]?.isAnswered === true) continue;
      const of = counts[taken[i]?.sender === PRODUCER ? 'kafka' : 'http'];
      const kind = leftNothing(outcome) ? 'rejected' : outcome.outcome;
      of.set(kind, (of.get(kind) ?? 0) + 1);
    }
    for (const [channel, of] of Object.entries(counts)) {
      for (const [outcome, count] of of) this.count(outcome, channel, count);
    }
  }

  private count(outcome: string, channel: string, count: number): void {
    if (count > 0) this.metrics.count('intake_events_total', { outcome, channel }, count);
  }
}

/** What left nothing behind and is answered to nobody: it would be lost. */
const unanswered = (taken: readonly Taken[], { outcomes }: UsageResult): Sorted['refused'] => {
  const lost: Sorted['refused'] = [];
  for (const [i, { record, isAnswered }] of taken.entries()) {
    const outcome = outcomes[i];
    if (outcome === undefined || isAnswered || !leftNothing(outcome)) continue;
    lost.push({ record, rejection: { rejected: outcome.code, pointer: '/subject', detail: outcome.detail } });
  }
  return lost;
};

/** One reply per call: its outcomes by place, or that they are not known here. */
const repliesOf = (taken: readonly Taken[], { outcomes, position }: UsageResult): [ReplyAddress, Reply][] => {
  const calls = new Map<string, { to: ReplyAddress; outcomes: Map<number, UsageOutcome>; isKnown: boolean }>();
  for (const [i, { reply: to }] of taken.entries()) {
    const outcome = outcomes[i];
    if (to === null || outcome === undefined) continue;
    const name = `${to.instance}\n${to.call}`;
    const call = calls.get(name) ?? { to, outcomes: new Map<number, UsageOutcome>(), isKnown: true };
    calls.set(name, call);
    if (outcome === TAKEN_BEFORE) call.isKnown = false;
    else call.outcomes.set(to.place, outcome);
  }
  return [...calls.values()].map(({ to, outcomes: own, isKnown }) => [
    to,
    isKnown ? { kind: 'usage', outcomes: own, position } : { kind: 'unavailable', detail: TAKEN_BEFORE_DETAIL },
  ]);
};

const TAKEN_BEFORE_DETAIL = 'another owner of the shard decided it; send it again to see what became of it';
