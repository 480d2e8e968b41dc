import type { DeadLetterReason, Rejection } from '@drawdown/domain';
import {
  type ConsumedRecord,
  type Log,
  type Metrics,
  RECORD_BYTES_MAX,
  type RecordBatch,
  recordBytes,
  RecordTooLarge,
  type Stream,
  type StreamRecord,
} from '@drawdown/ports';
import { writeDeadLetter, writePlaceAlone } from '../stream/dead-letter';
import type { ReplyAddress } from '../stream/headers';
import { type Reply, writeReplyRecord } from '../stream/reply-record';
import { DEAD_LETTER_TOPIC, REPLIES_TOPIC } from '../stream/topics';

const TOO_LARGE: Rejection<DeadLetterReason> = {
  rejected: 'payload_too_large',
  pointer: '',
  detail: `at most ${String(RECORD_BYTES_MAX)} bytes with key and headers`,
};

export interface OutboxPorts {
  readonly stream: Stream;
  readonly metrics: Metrics;
  readonly log: Log;
}

interface Refused {
  readonly record: ConsumedRecord;
  readonly rejection: Rejection<DeadLetterReason>;
}

/** What a worker sends on: records that belong elsewhere, dead letters, replies. */
export class Outbox {
  /** Partitions of the reply topic, as far as is known: there are never fewer. */
  private replyPartitions = 0;

  constructor(private readonly ports: OutboxPorts) {}

  /**
   * Sends records to the partitions of their organizations, as they are. Resolves when all are acknowledged; what was
   * sent twice is recognised by its identity or key there.
   */
  async forward(topic: string, from: number, records: readonly (readonly [number, ConsumedRecord])[]): Promise<void> {
    const byPartition = new Map<number, ConsumedRecord[]>();
    const refused: Refused[] = [];
    for (const [partition, record] of records) {
      // A topic may be set to take more than we send; it must not stop what follows it.
      if (recordBytes(record) > RECORD_BYTES_MAX) refused.push({ record, rejection: TOO_LARGE });
      else byPartition.set(partition, [...(byPartition.get(partition) ?? []), record]);
    }
    await this.bury({ topic, partition: from, records: [] }, refused);
    for (const [partition, own] of byPartition) {
      await this.ports.stream.send(topic, partition, own.map(plain));
      this.ports.metrics.count('forwarded_records_total', {}, own.length);
    }
  }

  /** Sends dead letters; resolves when all are acknowledged, so that the records may be passed. */
  async bury({ topic, partition }: RecordBatch, refused: readonly Refused[]): Promise<void> {
    if (refused.length === 0) return;
    const { stream, metrics, log } = this.ports;
    const letters = refused.map(({ record, rejection }) => {
      const place = { topic, partition, offset: record.offset };
      return { letter: writeDeadLetter(plain(record), place, rejection), short: writePlaceAlone(place, rejection) };
    });
    const to = partition % (await stream.partitionsOf(DEAD_LETTER_TOPIC));
    try {
      // At once: what one service sends in vain must not hold up what others send to the same shard.
      await stream.send(
        DEAD_LETTER_TOPIC,
        to,
        letters.map(({ letter }) => letter),
      );
    } catch (error) {
      if (!(error instanceof RecordTooLarge)) throw error;
      for (const { letter, short } of letters) await this.sendOrShort(to, letter, short);
    }
    for (const { record, rejection } of refused) {
      metrics.count('dead_letters_total', { reason: rejection.rejected });
      log.warn(
        { topic, partition, offset: record.offset, reason: rejection.rejected },
        'a record became a dead letter',
      );
    }
  }

  /** The topic of dead letters may be set to take less than the one that the record came from. */
  private async sendOrShort(to: number, letter: StreamRecord, short: StreamRecord): Promise<void> {
    const { stream, log } = this.ports;
    try {
      await stream.send(DEAD_LETTER_TOPIC, to, [letter]);
    } catch (error) {
      if (!(error instanceof RecordTooLarge)) throw error;
      log.error({ error: error.message }, 'a dead letter is refused for its size, and sent without the record');
      await stream.send(DEAD_LETTER_TOPIC, to, [short]);
    }
  }

  /** Tells whoever waits. Where that cannot be told, they ask again: it is not worth holding up what follows. */
  async reply(replies: readonly (readonly [ReplyAddress, Reply])[]): Promise<void> {
    const calls = new Map<number, [ReplyAddress, Reply][]>();
    for (const [to, reply] of replies) calls.set(to.partition, [...(calls.get(to.partition) ?? []), [to, reply]]);
    for (const [partition, own] of await this.answerable(calls)) {
      try {
        const records = own.map(([to, reply]) => writeReplyRecord(to, reply));
        await this.ports.stream.send(REPLIES_TOPIC, partition, records);
      } catch (error) {
        this.ports.log.warn({ partition, error: String(error) }, 'replies could not be sent');
      }
    }
  }

  /** Without the partitions that there are not: anybody's header may name them, and each would be asked for. */
  private async answerable<T>(calls: ReadonlyMap<number, T>): Promise<readonly (readonly [number, T])[]> {
    const all = [...calls];
    if (all.every(([partition]) => partition < this.replyPartitions)) return all;
    try {
      this.replyPartitions = await this.ports.stream.partitionsOf(REPLIES_TOPIC);
    } catch (error) {
      this.ports.log.warn({ error: String(error) }, 'replies to partitions not known yet could not be sent');
    }
    return all.filter(([partition]) => partition < this.replyPartitions);
  }
}

const plain = ({ key, value, headers }: StreamRecord): StreamRecord => ({ key, value, headers });
