/**
 * A process for tests to kill, or to starve of space: goes on with some streams of a folder's log. For each append it
 * prints the stream's number and the new head, or what kept it from being stored; then it tries the same again.
 * `node appender.js <folder> <streams>`
 */
import { setTimeout as pause } from 'node:timers/promises';
import { openSqliteEventStore } from '../sqlite-event-store';
import { numberedEvents } from './numbered-events';

const [folder, streams] = process.argv.slice(2);
if (folder === undefined) throw new Error('which folder?');

const run = async (): Promise<void> => {
  const store = await openSqliteEventStore(folder);
  const write = async (writer: number): Promise<void> => {
    const stream = `stream-${String(writer)}`;
    let next = (await store.head(stream)) + 1;
    for (;;) {
      try {
        const { revision } = await store.append(stream, next, numberedEvents(writer, next, 1 + ((next + writer) % 9)));
        process.stdout.write(`${String(writer)} ${String(revision)}\n`); // to a pipe: written when this returns
        next = revision + 1;
      } catch (error) {
        process.stdout.write(`${String(writer)} ${String((error as { readonly code?: string }).code)}\n`);
        await pause(50);
      }
    }
  };
  await Promise.all(Array.from({ length: Number(streams) }, (_, writer) => write(writer)));
};

process.stdin.resume().on('end', () => process.kill(process.pid, 'SIGKILL')); // whoever started it is gone
run().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
