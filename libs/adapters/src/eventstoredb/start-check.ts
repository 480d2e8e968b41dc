import { randomUUID } from 'node:crypto';
import { type Log, type NewEvent, NO_LOG, StoreUnavailable } from '@drawdown/ports';
import { BACKWARDS, END, type EventStoreDBClient, type StreamMetadata } from '@eventstore/db-client';
import { BatchStream, sentAppend } from './batch-stream';
import { closeChannel, newClient } from './client';
import { checkConnectionString } from './connection-string';
import { isNotFound, isRefused, reason } from './failures';
import { StreamNames } from './stored-events';

/** Whoever shares a log decides by its own clock what is due and what has expired; the server stands for the others. */
const CLOCK_SKEW_MAX_MS = 2_000;

/** Each of the checks asks a few things; none of them may hang the start. */
const CHECK_TIMEOUT_MS = 10_000;

/** Here each start writes one small event: that is how the server's clock is read, and it shows that writing is allowed. */
const PROBE_STREAM = 'drawdown-start-checks';

/** Server versions that lose events on filtered subscriptions, or drop slow subscribers. */
const UNFIT_VERSIONS: readonly { readonly matches: (version: Version) => boolean; readonly why: string }[] = [
  { matches: ([major]) => major < 24, why: 'drops a subscriber that is 32 events behind' },
  {
    matches: ([major, minor, patch]) => major === 24 && minor === 10 && patch <= 4,
    why: 'can report a position that skips an event',
  },
  {
    matches: ([major, minor, patch]) => major === 25 && minor === 0 && patch === 0,
    why: 'can report a position that skips an event',
  },
];

type Version = readonly [major: number, minor: number, patch: number];

export interface EventStoreDbCheck {
  /** Streams whose events must never be hidden; those of the catalogue say so themselves when they are read. */
  readonly streams: readonly string[];
  /** As given to `openEventStoreDb`. */
  readonly prefix?: string;
  readonly log?: Log;
  /** Milliseconds since 1970; for tests. */
  readonly now?: () => number;
}

/** The server is not fit to hold the log. Each problem says what to do; nothing may be started before. */
export class EventStoreDbUnfit extends Error {
  readonly code = 'event_store_unfit';
  constructor(readonly problems: readonly string[]) {
    super(`the EventStoreDB server is not fit to hold the log:\n- ${problems.join('\n- ')}`);
  }
}

/**
 * To be awaited before anything else uses the server. Rejects with {@link EventStoreDbUnfit} where its version is one to
 * avoid, where events of `streams` are or will be hidden, where its clock and ours differ by more than 2 s, or where it
 * refuses to be asked; with {@link StoreUnavailable} where nothing is known against it, and it does not answer at the moment.
 */
export const checkEventStoreDb = async (url: string, check: EventStoreDbCheck): Promise<void> => {
  checkConnectionString(url);
  const client = newClient(url);
  const names = new StreamNames(check.prefix ?? '');
  try {
    const found = await Promise.all([
      asked('its version', versionProblems(client, check.log ?? NO_LOG)),
      ...check.streams.map((stream) => asked(stream, metadataProblems(client, names.onServer(stream)))),
      asked('its clock', clockProblems(client, names.onServer(PROBE_STREAM), check.now ?? Date.now)),
    ]);
    const problems = found.flatMap((answer) => ('problems' in answer ? answer.problems : []));
    const silences = found.flatMap((answer) => ('silence' in answer ? [answer.silence] : []));
    if (problems.length > 0) throw new EventStoreDbUnfit([...problems, ...silences]);
    if (silences.length > 0) throw new StoreUnavailable(`the event store cannot be asked: ${silences.join('; ')}`);
  } finally {
    closeChannel(client);
  }
};

/** What is wrong, or why that is not known. */
type Answer = { readonly problems: readonly string[] } | { readonly silence: string };

const asked = async (what: string, answer: Promise<string[]>): Promise<Answer> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Answer>((resolve) => {
    const silence = `${what}: no answer in ${String(CHECK_TIMEOUT_MS)} ms`;
    timer = setTimeout(() => resolve({ silence }), CHECK_TIMEOUT_MS);
  });
  try {
    return await Promise.race([answer.then((problems): Answer => ({ problems })), late]);
  } catch (error) {
    const text = `${what} cannot be read: ${reason(error)}`;
    return isRefused(error) ? { problems: [text] } : { silence: text };
  } finally {
    clearTimeout(timer);
  }
};

const versionProblems = async (client: EventStoreDBClient, log: Log): Promise<string[]> => {
  const { serverVersion } = await client['capabilities'];
  const [, major, minor, patch] = /^(\d+)\.(\d+)\.(\d+)/.exec(serverVersion) ?? [];
  if (major === undefined) {
    log.warn({ version: serverVersion }, 'the event store does not tell its version; use 24.10.14 or 26.0.3');
    return [];
  }
  const version: Version = [Number(major), Number(minor), Number(patch)];
  return UNFIT_VERSIONS.filter(({ matches }) => matches(version)).map(
    ({ why }) => `version ${serverVersion} ${why}; use 24.10.14 or 26.0.3`,
  );
};

const metadataProblems = async (client: EventStoreDBClient, stream: string): Promise<string[]> => {
  const { metadata } = await client.getStreamMetadata(stream);
  const hiding: [string, keyof StreamMetadata][] = [
    ['$maxCount', 'maxCount'],
    ['$maxAge', 'maxAge'],
    ['$tb', 'truncateBefore'],
  ];
  const set = hiding.filter(([, key]) => metadata?.[key] !== undefined).map(([name]) => name);
  return set.length === 0 ? [] : [`${stream} has ${set.join(', ')}, which hides events: remove it from $$${stream}`];
};

const clockProblems = async (client: EventStoreDBClient, stream: string, now: () => number): Promise<string[]> => {
  const before = now();
  const id = randomUUID();
  const probe: NewEvent = { id, type: 'StartChecked', data: new Uint8Array(0), metadata: {} };
  const appends = await BatchStream.open(client);
  try {
    // Several processes start at once, and nobody reads this stream: the one place where the revision does not matter.
    await appends.append(sentAppend(stream, 'any', [probe]), CHECK_TIMEOUT_MS);
  } finally {
    appends.end('checked');
  }
  const created = await createdAt(client, stream, id);
  const after = now();
  if (created === undefined) throw new Error('the event written for it is not there; others may be starting');
  const skew = created < before ? before - created : created > after ? created - after : 0;
  if (skew <= CLOCK_SKEW_MAX_MS) return [];
  return [`its clock and ours differ by ${String(Math.round(skew))} ms; let both keep time by NTP (2,000 ms at most)`];
};

const createdAt = async (client: EventStoreDBClient, stream: string, id: string): Promise<number | undefined> => {
  try {
    for await (const { event } of client.readStream(stream, {
      direction: BACKWARDS,
      fromRevision: END,
      maxCount: 100,
    })) {
      if (event?.id === id) return event.created.getTime();
    }
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return undefined;
};
