/**
 * The read side: follows the log into the read models, beside the engine that keeps them. On a core of its own where
 * there is one, and behind the main thread where there is not: facts are taken in first, read models lag.
 */
import { openPgliteHere, type PgliteHere } from '@drawdown/adapters/embedded/pglite-here';
import { openSqliteEventReader, type SqliteEventReader } from '@drawdown/adapters/embedded/sqlite-event-reader';
import { ForwardedMetrics, forwardedLog } from '@drawdown/adapters/forwarding';
import { lowerPriority } from '@drawdown/adapters/lower-priority';
import { openPgDatabase } from '@drawdown/adapters/postgres/pg-database';
import { crash, serveThread } from '@drawdown/adapters/serve-thread';
import type { Log, Metrics } from '@drawdown/ports';
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

interface Following {
  readonly reader: SqliteEventReader;
  readonly runner: LedgerRunner;
  readonly timer: NodeJS.Timeout;
}

serveThread<ReadSideCalls, ReadSideData, ReadSideTold, ReadSideTells>(async (data, tell) => {
  const metrics = new ForwardedMetrics((forwarded) => tell({ forwarded }));
  const log = forwardedLog((forwarded) => tell({ forwarded }));
  const { database, ask, thrownAway } = await openDatabase(data, log, metrics);
  let following: Following | undefined;

  const follow = (): void => {
    lowerPriority(); // from here on: the start of the engine is waited for
    const reader = openSqliteEventReader(data.dataFolder);
    const report = (): void => tell({ report: runner.report() });
    const runner: LedgerRunner = ledgerRunner({
      ...{ store: reader, database, shards: data.shards, log, metrics, onProgress: report },
    });
    following = { reader, runner, timer: setInterval(report, REPORT_EVERY_MS) };
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
      if ('stored' in message) following?.reader.wake(message.stored);
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
