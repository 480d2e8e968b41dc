import { DEAD_LETTER_TOPIC, type DeadLetter, readDeadLetter } from '@drawdown/ledger';
import { type ConsumedRecord, type Stream, StreamGap, type StreamRecord, StreamUnavailable } from '@drawdown/ports';
import { UsageError } from '../usage-error';

/** How long a broker that has records may keep silent. */
const SILENCE_MS = 15_000;

/** A record that nobody could decide, under the name that commands call it by. */
export interface Letter {
  /** Where it lies in the topic of dead letters: `<partition>.<offset>`. */
  readonly id: string;
  readonly letter: DeadLetter;
}

/** All dead letters that are there now, partition by partition, oldest first. What else lies in the topic is left out. */
export async function* lettersIn(stream: Stream, signal: AbortSignal): AsyncGenerator<Letter, void, undefined> {
  for (const [partition, { oldest, end }] of (await boundsIn(stream)).entries()) {
    if (end <= oldest) continue;
    for await (const record of recordsWithin(stream, partition, oldest, end, signal)) {
      const letter = readDeadLetter(record);
      if (letter !== null) yield { id: `${String(partition)}.${String(record.offset)}`, letter };
    }
  }
}

/** The dead letters of these ids, in their order. */
export const lettersOf = async (
  stream: Stream,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<readonly Letter[]> => {
  const bounds = await boundsIn(stream);
  const letters: Letter[] = [];
  for (const id of ids) {
    const [partition = -1, offset = -1] = id.split('.').map(Number);
    const { oldest = 0, end = 0 } = bounds[partition] ?? {};
    const record =
      offset >= oldest && offset < end
        ? await firstOf(recordsWithin(stream, partition, offset, offset + 1, signal))
        : undefined;
    const letter = record === undefined ? null : readDeadLetter(record);
    if (letter === null) throw new UsageError(`there is no dead letter ${id}; "drawdown dead-letters list" shows them`);
    letters.push({ id, letter });
  }
  return letters;
};

/** Nobody has the bytes of a record that was too large for its letter. */
export class OriginalGone extends Error {
  readonly code = 'original_gone';
}

/** The record as it was; where it was too large for its letter, from its own place. Throws {@link OriginalGone}. */
export const originalOf = async (stream: Stream, { letter }: Letter, signal: AbortSignal): Promise<StreamRecord> => {
  if (!letter.omitted) return letter.record;
  const { topic, partition, offset } = letter.place;
  try {
    for await (const { records } of stream.follow(
      topic,
      partition,
      offset,
      AbortSignal.any([signal, AbortSignal.timeout(SILENCE_MS)]),
    )) {
      const [record] = records;
      if (record?.offset === offset) return record;
      break;
    }
  } catch (error) {
    if (!(error instanceof StreamGap)) throw error;
  }
  throw new OriginalGone(`its bytes were too large for the letter, and ${topic} does not keep them any more`);
};

const boundsIn = async (stream: Stream): ReturnType<Stream['boundsOf']> => {
  try {
    return await stream.boundsOf(DEAD_LETTER_TOPIC);
  } catch (error) {
    // Made by the first worker that starts: before that there is none, and no letter either.
    if (error instanceof Error && error.message.startsWith('there is no topic')) return [];
    throw error;
  }
};

async function* recordsWithin(
  stream: Stream,
  partition: number,
  from: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<ConsumedRecord, void, undefined> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const reading = AbortSignal.any([signal, silence.signal]);
    for await (const { records } of stream.follow(DEAD_LETTER_TOPIC, partition, from, reading)) {
      clearTimeout(timer);
      for (const record of records) {
        if (record.offset >= end) return;
        yield record;
        if (record.offset === end - 1) return;
      }
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
    }
  } finally {
    clearTimeout(timer);
  }
  signal.throwIfAborted();
  throw new StreamUnavailable(`partition ${String(partition)} of ${DEAD_LETTER_TOPIC} does not give its records`);
}

const firstOf = async <T>(items: AsyncIterable<T>): Promise<T | undefined> => {
  for await (const item of items) return item;
  return undefined;
};
