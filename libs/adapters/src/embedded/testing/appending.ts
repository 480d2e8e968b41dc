import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { pagesToEnd, type StoredEvent } from '@drawdown/ports';
import { threadFile } from '../../thread';
import { openSqliteEventStore } from '../sqlite-event-store';
import { numberedEvent } from './numbered-events';

/** A process that runs `appender.ts`, and what it has said so far. */
export interface Appender {
  readonly child: ChildProcess;
  /** The newest acknowledged head of each stream. */
  readonly heads: ReadonlyMap<number, number>;
  /** Codes of the appends that failed. */
  readonly failures: readonly string[];
  /** Resolves when it says something more. */
  said(): Promise<void>;
  /** Kills it, and resolves when all it had said was read. */
  kill(): Promise<void>;
}

/** Starts the process; `shell` is run before it in the same process (`ulimit …`). Resolves once an append has an outcome. */
export const startAppender = async (folder: string, streams: number, shell = ':'): Promise<Appender> => {
  const program = [process.execPath, threadFile(__dirname, 'appender'), folder, String(streams)];
  const options = { stdio: ['pipe', 'pipe', 'inherit'] as ['pipe', 'pipe', 'inherit'] };
  const child = spawn('sh', ['-c', `${shell}; exec "$@"`, 'sh', ...program], options);
  const heads = new Map<number, number>();
  const failures: string[] = [];
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const [writer = '', outcome = ''] = line.split(' ');
      if (/^\d+$/.test(outcome)) heads.set(Number(writer), Number(outcome));
      else failures.push(outcome);
    }
  });
  const said = async (): Promise<void> => {
    await once(child.stdout, 'data');
  };
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (signal !== 'SIGKILL') throw new Error('the process had ended by itself');
  };
  await said();
  return { child, heads, failures, said, kill };
};

/** Throws where the folder's log lacks an acknowledged event, or holds anything twice or in the wrong place. Gives the number of events. */
export const checkAppended = async (folder: string, acknowledged: ReadonlyMap<number, number>): Promise<number> => {
  const store = await openSqliteEventStore(folder);
  const ids = new Set<string>();
  for (const [writer, head] of acknowledged) {
    const stream = `stream-${String(writer)}`;
    const events: StoredEvent[] = [];
    for await (const page of pagesToEnd(store, stream, 0)) events.push(...page);
    if (events.length <= head)
      throw new Error(`${stream} ends at ${String(events.length - 1)}; ${String(head)} was acknowledged`);
    for (const [revision, event] of events.entries()) {
      const { id, data, metadata } = numberedEvent(writer, revision);
      const same = event.id === id && event.revision === revision && Buffer.compare(event.data, data) === 0;
      if (!same || JSON.stringify(event.metadata) !== JSON.stringify(metadata)) {
        throw new Error(`${stream}: revision ${String(revision)} is not what was appended there`);
      }
      ids.add(id);
    }
  }
  const all = await store.readAll(-1, Number.MAX_SAFE_INTEGER);
  if (all.length !== ids.size)
    throw new Error(`${String(all.length)} events in the log, ${String(ids.size)} in its streams`);
  await store.close();
  return all.length;
};

/** Lets processes append to a folder's log, one after the other, each until it is killed at some moment. Gives the acknowledged heads. */
export const appendAndKill = async (folder: string, streams: number, rounds: number): Promise<Map<number, number>> => {
  const acknowledged = new Map<number, number>();
  for (let round = 0; round < rounds; round++) {
    const appender = await startAppender(folder, streams);
    // Between two of its words there is a commit: some of them first, then at any moment of the next.
    for (let words = Math.random() * 20; words > 0; words--) await appender.said();
    const moment = performance.now() + Math.random() * 2;
    while (performance.now() < moment);
    await appender.kill();
    for (const [writer, head] of appender.heads) acknowledged.set(writer, head);
  }
  return acknowledged;
};
