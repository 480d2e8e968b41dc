import { USAGE_TOPIC, withoutReplyAddress } from '@drawdown/ledger';
import { openKafkaStream } from '@drawdown/adapters/kafka/kafka-stream';
import { BadServerSettings, readServerSettings } from '@drawdown/adapters/server-settings';
import { RecordTooLarge, type Stream } from '@drawdown/ports';
import { type Command, InvalidArgumentError } from 'commander';
import type { Context, ExitCode, GlobalOptions } from '../context';
import { type Letter, lettersIn, lettersOf, OriginalGone, originalOf } from '../dead-letters/letters';
import { documentOf, inFull } from '../dead-letters/documents';
import { SentRecords } from '../dead-letters/sent-records';
import { printable, table } from '../terminal';
import { UsageError } from '../usage-error';

const LIMIT_USUALLY = 50;
const LIMIT_MAX = 100_000;

interface ListOptions extends GlobalOptions {
  readonly reason?: string;
  readonly topic?: string;
  readonly limit: number;
}
interface RedriveOptions extends GlobalOptions {
  readonly reason?: string;
  readonly topic?: string;
  readonly all?: boolean;
}
type Run = (stream: Stream) => Promise<ExitCode>;

const limit = (text: string): number => {
  if (/^[1-9]\d*$/.test(text) && Number(text) <= LIMIT_MAX) return Number(text);
  throw new InvalidArgumentError(`a whole number, 1 to ${String(LIMIT_MAX)}`);
};

const NOTE = `
Needs the brokers: KAFKA_BROKERS, and KAFKA_SASL_… and KAFKA_TLS where they ask for them.
An id is <partition>.<offset> in the topic of dead letters.
Exit codes: 0 done; 1 wrong usage, or there is no such letter; 2 some records are too large to be sent again, or are not
kept any more, the others were sent; 3 the brokers do not answer, or interrupted: run it again.`;

const REDRIVE_NOTE = `
Letters stay listed after they were sent again, as long as the brokers keep them, and what fails again is a new letter
of the same record. So --all sends each record once, however many letters there are of it: one and the same is what has
the same topic, key, value and headers. Letters that are named are each sent.`;

/** Records that could not be decided: which, why, and another try once the reason is gone. */
export const addDeadLetters = (program: Command, context: Context, finish: (code: ExitCode) => void): void => {
  const group = program
    .command('dead-letters')
    .description('Records on Kafka that could not be decided: list, show, send again.')
    // Of the commands below it, too.
    .addHelpText('afterAll', NOTE);
  group
    .command('list')
    .description('The newest dead letters, with their reasons.')
    .option('--reason <code>', 'only those with this reason')
    .option('--topic <topic>', 'only those that came from this topic')
    .option('--limit <n>', 'how many', limit, LIMIT_USUALLY)
    .action(async (_: unknown, command: Command) => {
      const options: ListOptions = command.optsWithGlobals();
      finish(await onStream(context, (stream) => list(stream, options, context)));
    });
  group
    .command('show')
    .argument('<id>', 'of the letter')
    .description('One dead letter: where it came from, its headers, its bytes.')
    .action(async (id: string, _: unknown, command: Command) => {
      const options: GlobalOptions = command.optsWithGlobals();
      finish(await onStream(context, (stream) => show(stream, id, options, context)));
    });
  group
    .command('redrive')
    .argument('[ids...]', 'of the letters')
    .description(
      'Sends the untouched records to their original topic again. Usage is recognised: nothing is charged twice.',
    )
    .option('--all', 'all of them, or all that the other options leave; each record once')
    .option('--reason <code>', 'with --all: only those with this reason')
    .option('--topic <topic>', 'with --all: only those that came from this topic')
    .addHelpText('after', REDRIVE_NOTE)
    .action(async (ids: readonly string[], _: unknown, command: Command) => {
      const options: RedriveOptions = command.optsWithGlobals();
      finish(await onStream(context, (stream) => redrive(stream, ids, options, context)));
    });
};

const onStream = async (context: Context, run: Run): Promise<ExitCode> => {
  const stream = context.openStream?.() ?? kafka(context);
  try {
    return await run(stream);
  } finally {
    await stream.close();
  }
};

const kafka = ({ environment }: Context): Stream => {
  try {
    const { kafka: servers } = readServerSettings(environment);
    if (servers === null) throw new UsageError('dead letters lie on Kafka: set KAFKA_BROKERS');
    return openKafkaStream({ ...servers, clientId: 'drawdown-cli' });
  } catch (error) {
    if (error instanceof BadServerSettings) throw new UsageError(error.message);
    throw error;
  }
};

const fits = ({ letter }: Letter, { reason, topic }: Pick<ListOptions, 'reason' | 'topic'>): boolean =>
  (reason === undefined || letter.reason === reason) && (topic === undefined || letter.place.topic === topic);

const list = async (stream: Stream, options: ListOptions, { terminal, signal }: Context): Promise<ExitCode> => {
  // All are looked at and few are kept: the topic may be of any size.
  const newest: Letter[] = [];
  let total = 0;
  for await (const letter of lettersIn(stream, signal)) {
    if (!fits(letter, options)) continue;
    total += 1;
    newest.push(letter);
    if (newest.length > options.limit) newest.shift();
  }
  if (options.json === true) {
    terminal.out.write(`${JSON.stringify({ total, dead_letters: newest.map(documentOf) })}\n`);
    return 0;
  }
  if (total === 0) terminal.out.write('there are no dead letters\n');
  else {
    const rows = newest.map(({ id, letter: { reason, detail, place, record } }) => [
      ...[id, reason, place.topic, `${String(place.partition)}.${String(place.offset)}`, record.key ?? '', detail].map(
        printable,
      ),
    ]);
    terminal.out.write(table(['id', 'reason', 'topic', 'place', 'key', 'detail'], rows, 6));
    if (total > rows.length) terminal.out.write(`${String(rows.length)} of ${String(total)}; --limit shows more\n`);
  }
  return 0;
};

const show = async (
  stream: Stream,
  id: string,
  options: GlobalOptions,
  { terminal, signal }: Context,
): Promise<ExitCode> => {
  const [letter] = await lettersOf(stream, [id], signal);
  if (letter === undefined) return 1;
  if (options.json === true) terminal.out.write(`${JSON.stringify(documentOf(letter))}\n`);
  else terminal.out.write(inFull(letter));
  return 0;
};

const redrive = async (
  stream: Stream,
  ids: readonly string[],
  options: RedriveOptions,
  { terminal, signal }: Context,
): Promise<ExitCode> => {
  if (ids.length > 0 === (options.all === true)) throw new UsageError('name the letters, or say --all');
  const sent: { id: string; topic: string; partition: number }[] = [];
  const notSent: { id: string; reason: 'original_gone' | 'record_too_large' }[] = [];
  const records = options.all === true ? new SentRecords() : null;
  let same = 0;
  for await (const letter of chosen(stream, ids, options, signal)) {
    const { id } = letter;
    const { topic, partition } = letter.letter.place;
    try {
      const { key, value, headers } = await originalOf(stream, letter, signal);
      // Else usage that still leaves nothing in the ledger would be told to nobody, and be gone. A command is none without.
      const own = topic === USAGE_TOPIC ? withoutReplyAddress(headers) : headers;
      const record = { key, value, headers: own };
      if (records?.isNew(topic, record) === false) {
        same += 1;
        continue;
      }
      await stream.send(topic, partition, [record]);
    } catch (error) {
      // The other letters are none the worse for it.
      if (!(error instanceof RecordTooLarge || error instanceof OriginalGone)) throw error;
      notSent.push({ id, reason: error.code });
      terminal.err.write(`${id}: not sent: ${error.message}; its sender has to send it again, in smaller parts\n`);
      continue;
    }
    sent.push({ id, topic, partition });
    if (options.json === true) continue;
    terminal.out.write(`${id}: sent to ${topic}, partition ${String(partition)}, bytes untouched\n`);
  }
  if (options.json === true) {
    terminal.out.write(`${JSON.stringify({ redriven: sent, not_sent: notSent, left_out_as_same: same })}\n`);
  } else {
    terminal.out.write(`${String(sent.length)} sent again; what still cannot be decided comes back as a new letter\n`);
    if (same > 0) terminal.out.write(`${String(same)} left out, being the same records in other letters\n`);
  }
  return notSent.length === 0 ? 0 : 2;
};

async function* chosen(
  stream: Stream,
  ids: readonly string[],
  options: RedriveOptions,
  signal: AbortSignal,
): AsyncGenerator<Letter, void, undefined> {
  if (options.all !== true) yield* await lettersOf(stream, ids, signal);
  else for await (const letter of lettersIn(stream, signal)) if (fits(letter, options)) yield letter;
}
