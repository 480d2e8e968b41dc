/**
 * The read side: follows the log into the read models, beside the engine that keeps them. On a core of its own where
 * there is one, and behind the main thread where there is not: facts are taken in first, read models lag.
 */
import { openPgliteHere, type PgliteHere } from '@drawdown/adapters/embedded/pglite-here';
import { openSqliteEventReader } from '@drawdown/adapters/embedded/sqlite-event-reader';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { ForwardedMetrics, forwardedLog } from '@drawdown/adapters/forwarding';
import { lowerPriority } from '@drawdown/adapters/lower-priority';
import { openPgDatabase } from '@drawdown/adapters/postgres/pg-database';
import { crash, serveThread } from '@drawdown/adapters/serve-thread';
import type { EventReader, Log, Metrics } from '@drawdown/ports';
import { type LedgerRunner, ledgerRunner } from '@drawdown/projections';
import type { ReadSideCalls, ReadSideData, ReadSideTells, ReadSideTold } from './read-side-calls';

/** How often the whole state is told where nothing else was a reason to: what fails and recovers makes no noise. */
const REPORT_EVERY_MS = 250;

/** A database that others ask, too, answers them itself. */
const notHere: PgliteHere['ask'] = () => Promise.reject(new Error('there is no embedded database'));

const openDatabase = async (
  { database }: ReadSideData,
  log: Log,
  metrics: Metrics,
): Promise<Pick<PgliteHere, 'database' | 'ask' | 'thrownAway'>> => {
  if ('folder' in database) return openPgliteHere(database.folder, log, crash);
  const opened = openPgDatabase(database.url, { log, metrics, poolSize: database.connections });
  return { database: opened, ask: notHere, thrownAway: undefined };
};

interface OpenedReader {
  readonly reader: EventReader;
  /** Something may have been stored in the stream; a log on a server says so itself. */
  readonly wake: (stream: string) => void;
}

const openReader = (at: ReadSideData['log'], log: Log, metrics: Metrics): OpenedReader => {
  if ('eventStoreUrl' in at) {
    return { reader: openEventStoreDb(at.eventStoreUrl, { log, metrics }), wake: () => undefined };
  }
  const reader = openSqliteEventReader(at.folder);
  return { reader, wake: (stream) => reader.wake(stream) };
};

interface Following extends OpenedReader {
  readonly runner: LedgerRunner;
  readonly timer: NodeJS.Timeout;
}

serveThread<ReadSideCalls, ReadSideData, ReadSideTold, ReadSideTells>(async (data, tell) => {
  const metrics = new ForwardedMetrics((forwarded) => tell({ forwarded }));
  const log = forwardedLog((forwarded) => tell({ forwarded }));
  const { database, ask, thrownAway } = await openDatabase(data, log, metrics);
  let following: Following | undefined;

  const follow = ({ shards }: { readonly shards: number }): void => {
    lowerPriority(); // from here on: the start of the engine is waited for
    const opened = openReader(data.log, log, metrics);
    const report = (): void => tell({ report: runner.report() });
    const runner: LedgerRunner = ledgerRunner({
      ...{ store: opened.reader, database, shards, log, metrics, onProgress: report },
    });
    following = { ...opened, runner, timer: setInterval(report, REPORT_EVERY_MS) };
    runner.start().catch((error: unknown) => log.error({ error: String(error) }, 'the read models cannot be opened'));
  };
  const stop = async (): Promise<void> => {
    await following?.runner.stop();
    metrics.flush();
  };

  return {
    calls: {
      started: () => thrownAway,
      follow,
      query: ({ statement, parameters }) => ask(statement, parameters),
      stop,
    },
    told: (message) => {
      if ('stored' in message) following?.wake(message.stored);
      else following?.runner.lost(message.lost.projector, message.lost.suffix);
    },
    close: async () => {
      clearInterval(following?.timer);
      await stop();
      await following?.reader.close();
      await database.close();
      metrics.close();
    },
  };
});
