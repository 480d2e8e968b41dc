/**
 * Which topic the offsets in a shard's log are of. A topic that was made anew counts from 0 again: its records would be
 * taken for read, and lost without a word. So the log names the topic with its identity, and what does not fit is refused.
 */
import { type PartitionBounds, type Stream, StreamUnavailable } from '@drawdown/ports';
import type { ShortTopics } from './short-topics';

const RUNBOOK = 'deploy/runbooks/DrawdownTopicRefused.md';

/** A topic is not the one that the log has read, or has lost records of it. Nothing of the shard is consumed until that is settled. */
export class TopicRefused extends Error {
  readonly code = 'topic_refused';
  constructor(
    readonly topic: string,
    readonly partition: number,
    what: string,
  ) {
    super(`${topic}, partition ${String(partition)}: ${what} (${RUNBOOK})`);
  }
}

/** The offsets in one shard's log, by source, in the order in which they came to be there. */
export type RecordedOffsets = ReadonlyMap<string, number>;

/** Where a shard begins in a topic. */
export interface Start {
  /** Under which the log keeps the offsets: the topic with its identity. */
  readonly source: string;
  /** Undefined where the log has read nothing of it, and the group may know better. */
  readonly from: number | undefined;
}

export interface SourcesPorts {
  readonly stream: Pick<Stream, 'boundsOf' | 'identityOf'>;
  readonly short: ShortTopics;
  /** Sources that an operator has said to be new, so that the log may begin with them. */
  readonly newTopics: ReadonlySet<string>;
}

const sourceOf = (topic: string, identity: string | null): string =>
  identity === null ? topic : `${topic}@${identity}`;

/** Where to begin; rejects with {@link TopicRefused}, and {@link StreamUnavailable} where that cannot be told at the moment. */
export const startIn = async (
  topic: string,
  partition: number,
  recorded: RecordedOffsets,
  { stream, short, newTopics }: SourcesPorts,
): Promise<Start> => {
  // In this order: a topic that is made anew in between shows by its identity.
  const bounds = (await stream.boundsOf(topic))[partition];
  const identity = await stream.identityOf(topic);
  if (bounds === undefined || !Number.isSafeInteger(bounds.end)) {
    throw new StreamUnavailable(`${topic}: nobody says where partition ${String(partition)} ends`);
  }
  const known = [...recorded.keys()].filter((source) => source === topic || source.startsWith(`${topic}@`));
  const source = accepted(topic, partition, identity, { known, recorded, newTopics, end: bounds.end });
  const offset = recorded.get(source);
  if (offset === undefined) return { source, from: known.length === 0 ? undefined : bounds.oldest };
  await checkLength(topic, source, partition, offset, bounds, short);
  return { source, from: offset + 1 };
};

interface Known {
  readonly known: readonly string[];
  readonly recorded: RecordedOffsets;
  readonly newTopics: ReadonlySet<string>;
  readonly end: number;
}

/** The source that the topic is. Throws {@link TopicRefused} where the log has read another one last. */
const accepted = (topic: string, partition: number, identity: string | null, told: Known): string => {
  const { known, recorded, newTopics, end } = told;
  const own = sourceOf(topic, identity);
  const last = known.at(-1);
  if (last === undefined || last === own || newTopics.has(own)) return own;
  // Read before identities were told: it goes on so.
  if (last === topic) return last;
  const read = `the log has read ${last} up to offset ${String(recorded.get(last))}`;
  if (identity === null) {
    throw new TopicRefused(
      topic,
      partition,
      `${read}, and the brokers no longer tell its identity; ask Kafka 2.8 or later`,
    );
  }
  throw new TopicRefused(
    topic,
    partition,
    `${read}, and this one, which ends at ${String(end)}, is ${own}: the topic was made anew, or these are the brokers of ` +
      'another installation. Nothing of it is read. If it is meant to be new, have what the old one still held sent ' +
      `again, and start all workers with DRAWDOWN_NEW_TOPICS naming ${own}`,
  );
};

/** Once too short is too short for ever: it grows past the offset, with records that would be taken for read. */
const checkLength = async (
  topic: string,
  source: string,
  partition: number,
  offset: number,
  { end }: PartitionBounds,
  short: ShortTopics,
): Promise<void> => {
  const now = offset < end ? undefined : { source, partition, recorded: offset, end };
  const found = (await short.find(source, partition)) ?? now;
  if (found === undefined) return;
  if (now !== undefined) await short.keep(now);
  throw new TopicRefused(
    topic,
    partition,
    `the log has read up to offset ${String(found.recorded)}, but the topic ended at ${String(found.end)}: it has lost ` +
      'records, and those that come would be taken for read, so nothing of it is read. Delete the topic; a worker that ' +
      'starts makes it anew and says how to go on',
  );
};
