import type { Charge, UsageEvent } from '@drawdown/domain';
import { type Instant, shift } from '@drawdown/kernel';
import type { Clock, ConsumedRecord, EventStore, Metrics, RecordBatch } from '@drawdown/ports';
import { type CommandResult, DecidedBefore, LedgerUnavailable, ShardStopping } from '../ledger';
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

const UNREADABLE = { rejected: 'invalid_command', pointer: '', detail: 'this is no command of this version' };

interface Received extends CommandRecord {
  readonly record: ConsumedRecord;
}

/** A command that can be submitted at once. */
interface Ready extends Received {
  readonly redrive: ReadonlyMap<UsageEvent, Charge>;
}

const NOTHING_OLD: ReadonlyMap<UsageEvent, Charge> = new Map();

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

  /** Resolves when all commands of the batch are answered; rejects where a part of them is left to the next owner. */
  async take(shard: LedgerShard, batch: RecordBatch): Promise<void> {
    const own = await this.sort(batch);
    // What an answer rejects with waits here: others are still being prepared when it comes.
    const left: unknown[] = [];
    const answers: Promise<unknown>[] = [];
    try {
      for (const received of own) {
        const source = { topic: batch.topic, partition: batch.partition, offset: received.record.offset };
        const { answered } = await this.begin(shard, received, source);
        answers.push(answered.catch((error: unknown) => left.push(error)));
      }
    } catch (error) {
      left.push(error);
    }
    await Promise.all(answers);
    if (left.length > 0) throw left[0];
  }

  /**
   * Resolves once the command is with the shard, to its being answered. What has to be looked for in the log is found
   * first: commands reach the shard in the order of their offsets, or one that comes late would be taken for one that was
   * decided before (INV-INT-10).
   */
  private async begin(
    shard: LedgerShard,
    received: Received,
    source: SourceOffset,
  ): Promise<{ readonly answered: Promise<void> }> {
    const { asked, reply, afterCatalogue } = received;
    if (this.isTooLate(asked, reply.deadline)) {
      this.count('expired');
      return { answered: Promise.resolve() };
    }
    if (!(await this.catalogue.waitFor([afterCatalogue]))) {
      return { answered: this.send(reply, { kind: 'unavailable', detail: 'the catalogue is behind; send it again' }) };
    }
    const ready = await this.prepare(shard, received);
    if (ready instanceof LedgerUnavailable) return { answered: this.refuse(reply, ready) };
    return { answered: this.answer(shard, ready, source) };
  }

  private async sort(batch: RecordBatch): Promise<readonly Received[]> {
    const own: Received[] = [];
    const elsewhere: [number, ConsumedRecord][] = [];
    const refused: { record: ConsumedRecord; rejection: typeof UNREADABLE }[] = [];
    for (const record of batch.records) {
      const command = readCommandRecord(record);
      const owner = command === null ? null : shardAsked(command.asked, this.shards);
      if (command === null) refused.push({ record, rejection: UNREADABLE });
      else if (owner !== null && owner !== batch.partition) elsewhere.push([owner, record]);
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

  /** The command with what the log says of long ago; why it cannot be had where it cannot. */
  private async prepare(shard: LedgerShard, received: Received): Promise<Ready | LedgerUnavailable> {
    const { asked } = received;
    try {
      if (asked.kind === 'run') {
        const command = await withOldCharge(asked.command, asked, shard, this.search);
        return { ...received, asked: { ...asked, command }, redrive: NOTHING_OLD };
      }
      if (asked.kind !== 'redrive') return { ...received, redrive: NOTHING_OLD };
      return { ...received, redrive: await chargedBefore(shard, asked.usages, this.ports) };
    } catch (error) {
      // The next owner of the shard decides it; its caller still waits.
      if (error instanceof LedgerUnavailable && !(error instanceof ShardStopping)) return error;
      throw error;
    }
  }

  private refuse(to: ReplyAddress, { message }: LedgerUnavailable): Promise<void> {
    this.count('unavailable');
    return this.send(to, { kind: 'unavailable', detail: message });
  }

  /** Submits before it first waits, so that the order of calls is the order in the shard. */
  private async answer(shard: LedgerShard, received: Ready, source: SourceOffset): Promise<void> {
    try {
      await this.send(received.reply, await this.ask(shard, received, source));
    } catch (error) {
      // The next owner of the shard decides it; its caller still waits.
      if (error instanceof ShardStopping || !(error instanceof LedgerUnavailable)) throw error;
      this.count(error instanceof DecidedBefore ? 'decided_before' : 'unavailable');
      // Who decided it before has answered it, or its caller has asked again by now.
      if (error instanceof DecidedBefore) return;
      await this.send(received.reply, { kind: 'unavailable', detail: error.message });
    }
  }

  private async ask(shard: LedgerShard, { asked, sender, redrive }: Ready, source: SourceOffset): Promise<Reply> {
    switch (asked.kind) {
      case 'run': {
        const { kind: _, ...command } = asked;
        const result = await submitCommand(shard, { ...command, sender, source });
        this.count(outcomeOf(result));
        return { kind: 'run', result };
      }
      case 'redrive': {
        const { usages } = asked;
        const result = await submitUsages(shard, { usages, sender, senders: null, redrive, source });
        if (result.outcomes.includes(TAKEN_BEFORE)) throw new DecidedBefore('it was driven again before');
        return { kind: 'usage', outcomes: new Map(result.outcomes.entries()), position: result.position };
      }
      case 'settle':
        await submitSettling(shard, asked.clock);
        return { kind: 'settled' };
      case 'last_priced': {
        const { card, version } = asked;
        return {
          kind: 'last_priced',
          at: await shard.read((state) => state.lastPriced.get(card)?.get(version) ?? null),
        };
      }
    }
  }

  private send(to: ReplyAddress, reply: Reply): Promise<void> {
    return this.outbox.reply([[to, reply]]);
  }

  private count(outcome: string): void {
    this.ports.metrics.count('commands_total', { outcome });
  }
}

const outcomeOf = (result: CommandResult): string => {
  if ('keyReused' in result) return 'key_reused';
  if (result.replayed) return 'replayed';
  return result.accepted ? 'accepted' : 'refused';
};
