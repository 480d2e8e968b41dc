import type { DeadLetterReason, Rejection } from '@drawdown/domain';
import { type Instant, shift } from '@drawdown/kernel';
import type { Clock, ConsumedRecord, EventStore, Metrics, RecordBatch } from '@drawdown/ports';
import { reportCommand } from '../command-duration';
import { type CommandResult, DecidedBefore, LedgerUnavailable, ShardStopping, type UsageResult } from '../ledger';
import type { ShardState } from '../fold';
import type { LedgerShard } from '../ledger-shard';
import { chargedBefore } from '../long-ago';
import { RefundSearch, withOldCharge } from '../refund-search';
import { shardOf } from '../shard-of';
import { type Asked, type CommandRecord, readCommandRecord } from '../stream/command-record';
import type { ReplyAddress } from '../stream/headers';
import type { Reply } from '../stream/reply-record';
import { submitCommand, submitSettling, submitUsages } from '../submit';
import { TAKEN_BEFORE } from '../usage-outcomes';
import type { SourceOffset } from '../work';
import type { Outbox } from './outbox';
import type { SeenCatalogue } from './seen-catalogue';

/**
 * How long after its caller has given up a command is still decided: long enough for another worker to take over a
 * partition, short enough that nothing happens that nobody remembers having asked for.
 */
const LATE_MICROS = 60_000_000n;

const UNREADABLE: Rejection<DeadLetterReason> = {
  rejected: 'invalid_command',
  pointer: '',
  detail: 'this is no command of this version',
};

/** On a partition without a shard. */
const NOBODYS = {
  ...UNREADABLE,
  detail: 'this partition has no shard, and the command does not say whose it is',
};

interface Received extends CommandRecord {
  readonly record: ConsumedRecord;
}

/** Where the command says itself whose it is; null where every partition gets its own. */
const shardAsked = (asked: Asked, shards: number): number | null => {
  const organizationId = asked.kind === 'run' ? asked.organizationId : organizationIn(asked);
  return organizationId === undefined ? null : shardOf(organizationId, shards);
};
const organizationIn = (asked: Asked): string | undefined =>
  asked.kind === 'redrive' ? asked.usages[0]?.organizationId : undefined;

/** Commands from the topic to the shard, in order; each is answered when what became of it is durable. */
export class CommandIntake {
  private readonly search: RefundSearch;

  constructor(
    private readonly shards: number,
    private readonly outbox: Outbox,
    private readonly catalogue: SeenCatalogue,
    private readonly ports: { readonly store: EventStore; readonly clock: Clock; readonly metrics: Metrics },
  ) {
    this.search = new RefundSearch(ports.store);
  }

  /**
   * Resolves when all commands of the batch are answered; rejects where a part of them is left to the next owner.
   * `topic` is what the shard's log calls the topic.
   */
  async take(shard: LedgerShard, batch: RecordBatch, topic: string): Promise<void> {
    const arrivedAt = performance.now();
    const own = await this.passOn(batch);
    // What an answer rejects with waits here: the commands behind it are still being submitted when it comes.
    const left: unknown[] = [];
    const answers: Promise<unknown>[] = [];
    const add = (answer: Promise<void>): number => answers.push(answer.catch((error: unknown) => left.push(error)));
    for (const received of own) {
      const { asked, reply, afterCatalogue, record } = received;
      const source = { topic, partition: batch.partition, offset: record.offset };
      if (this.isTooLate(asked, reply.deadline)) this.count('expired');
      else if (await this.catalogue.waitFor([afterCatalogue])) {
        // One after the other into the queue: a later offset must never be taken in before an earlier one.
        const { outcome } = await this.submitted(shard, received, source);
        const answered = this.answer(reply, outcome);
        add(
          asked.kind === 'run'
            ? answered.then(() => reportCommand(this.ports.metrics, asked.command, arrivedAt))
            : answered,
        );
      } else add(this.send(reply, { kind: 'unavailable', detail: 'the catalogue is behind; send it again' }));
    }
    await Promise.all(answers);
    if (left.length > 0) throw left[0];
  }

  /** Sends on what is not for the batch's own partition; resolves, once that is acknowledged, with what is. */
  async passOn(batch: RecordBatch): Promise<readonly Received[]> {
    const own: Received[] = [];
    const elsewhere: [number, ConsumedRecord][] = [];
    const refused: { record: ConsumedRecord; rejection: typeof UNREADABLE }[] = [];
    for (const record of batch.records) {
      const command = readCommandRecord(record);
      const owner = command === null ? null : shardAsked(command.asked, this.shards);
      if (command === null) refused.push({ record, rejection: UNREADABLE });
      else if (owner !== null && owner !== batch.partition) elsewhere.push([owner, record]);
      else if (batch.partition >= this.shards) refused.push({ record, rejection: NOBODYS });
      else own.push({ ...command, record });
    }
    await this.outbox.forward(batch.topic, batch.partition, elsewhere);
    await this.outbox.bury(batch, refused);
    return own;
  }

  private isTooLate(asked: Asked, deadline: Instant): boolean {
    const last = asked.kind === 'run' || asked.kind === 'redrive' ? shift(deadline, LATE_MICROS) : deadline;
    return this.ports.clock.now() > last;
  }

  private async answer(to: ReplyAddress, outcome: Promise<Reply>): Promise<void> {
    try {
      await this.send(to, await outcome);
    } catch (error) {
      // The next owner of the shard decides it; its caller still waits.
      if (error instanceof ShardStopping || !(error instanceof LedgerUnavailable)) throw error;
      this.count(error instanceof DecidedBefore ? 'decided_before' : 'unavailable');
      // Who decided it before has answered it, or its caller has asked again by now.
      if (error instanceof DecidedBefore) return;
      const { code, message: detail } = error;
      await this.send(to, { kind: 'unavailable', detail, ...(code === 'organization_frozen' ? { code } : {}) });
    }
  }

  /** Resolves when the command is in the shard's queue, with what will become of it. */
  private async submitted(
    shard: LedgerShard,
    received: Received,
    source: SourceOffset,
  ): Promise<{ readonly outcome: Promise<Reply> }> {
    try {
      const submit = await this.prepared(shard, received, source);
      const outcome = submit();
      outcome.catch(() => undefined); // told by whoever awaits it, after the commands behind it are submitted
      return { outcome };
    } catch (error) {
      return { outcome: Promise.reject(error as Error) };
    }
  }

  /** Gets ready what a command needs from the log; then what puts it into the queue. */
  private async prepared(
    shard: LedgerShard,
    { asked, sender }: Received,
    source: SourceOffset,
  ): Promise<() => Promise<Reply>> {
    switch (asked.kind) {
      case 'run': {
        const { organizationId, commandId, idempotency } = asked;
        const command = await withOldCharge(this.search, shard, organizationId, asked.command, idempotency);
        const work = { organizationId, commandId, command, idempotency, sender, source };
        return () => submitCommand(shard, work).then((result) => this.ran(result));
      }
      case 'redrive': {
        const { usages } = asked;
        const redrive = await chargedBefore(shard, usages, this.ports);
        return () => submitUsages(shard, { usages, sender, senders: null, redrive, source }).then(drivenAgain);
      }
      case 'settle':
        return () => submitSettling(shard, asked.clock).then(() => ({ kind: 'settled' }));
      case 'last_priced': {
        const { card, version } = asked;
        const at = (state: ShardState) => state.lastPriced.get(card)?.get(version) ?? null;
        return () => shard.read(at).then((time) => ({ kind: 'last_priced', at: time }));
      }
    }
  }

  private ran(result: CommandResult): Reply {
    this.count(outcomeOf(result));
    return { kind: 'run', result };
  }

  private send(to: ReplyAddress, reply: Reply): Promise<void> {
    return this.outbox.reply([[to, reply]]);
  }

  private count(outcome: string): void {
    this.ports.metrics.count('commands_total', { outcome });
  }
}

const drivenAgain = ({ outcomes, position }: UsageResult): Reply => {
  if (outcomes.includes(TAKEN_BEFORE)) throw new DecidedBefore('it was driven again before');
  return { kind: 'usage', outcomes: new Map(outcomes.entries()), position };
};

const outcomeOf = (result: CommandResult): string => {
  if ('keyReused' in result) return 'key_reused';
  if (result.replayed) return 'replayed';
  return result.accepted ? 'accepted' : 'refused';
};
