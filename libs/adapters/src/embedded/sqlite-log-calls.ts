import type { AppendAnswer, AppendRequest, SqliteLog } from './sqlite-log';
import type { ReadPage, ScanPage } from './sqlite-log-reads';

/** Bytes of the appends that share one transaction at most: several of them must not make all wait for a long write. */
const GROUP_BYTES_MAX = 2 * 1024 * 1024;

/** What the event store's thread answers. */
export interface LogCalls {
  append(request: AppendRequest): Promise<AppendAnswer>;
  read(request: Parameters<SqliteLog['read']>[0]): ReadPage;
  readAll(request: Parameters<SqliteLog['readAll']>[0]): ScanPage;
  head(stream: string): number;
}

/** Answers calls from a log. Appends that wait at the same time, each for a stream of its own mostly, share a commit. */
export const logCalls = (log: SqliteLog): { readonly calls: LogCalls; readonly close: () => void } => {
  let queue: { request: AppendRequest; bytes: number; answer: (answer: AppendAnswer) => void }[] = [];

  const commit = (): void => {
    let [count, bytes] = [0, 0];
    while (count < queue.length && (count === 0 || bytes + (queue[count]?.bytes ?? 0) <= GROUP_BYTES_MAX)) {
      bytes += queue[count]?.bytes ?? 0;
      count += 1;
    }
    const group = queue.slice(0, count);
    queue = queue.slice(count);
    if (queue.length > 0) setImmediate(commit); // first, for append() may throw, which ends the thread, and should
    const answers = log.append(group.map(({ request }) => request));
    for (const [index, { answer }] of group.entries()) {
      const given = answers[index];
      if (given === undefined) throw new Error('an append got no answer');
      answer(given);
    }
  };

  return {
    calls: {
      append: (request) =>
        new Promise((answer) => {
          const bytes = request.events.reduce((sum, { data, metadata }) => sum + data.byteLength + metadata.length, 0);
          queue.push({ request, bytes, answer });
          // After the messages that have arrived by now were looked at: the appends among them join.
          if (queue.length === 1) setImmediate(commit);
        }),
      read: (request) => log.read(request),
      readAll: (request) => log.readAll(request),
      head: (stream) => log.head(stream),
    },
    close: () => log.close(),
  };
};
