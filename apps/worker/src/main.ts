import 'reflect-metadata';
import path from 'node:path';
import { openFileSnapshots } from '@drawdown/adapters/embedded/file-snapshots';
import { systemClock } from '@drawdown/adapters/embedded/system-clock';
import { databaseSnapshots } from '@drawdown/adapters/postgres/database-snapshots';
import { openPgDatabase } from '@drawdown/adapters/postgres/pg-database';
import { readServerSettings, SERVER_VARIABLES } from '@drawdown/adapters/server-settings';
import { openLogServers } from '@drawdown/adapters/servers';
import { ClockWatch, watchDependencies } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain';
import { askStore } from '@drawdown/ports';
import { runRole } from '@drawdown/http';
import { FollowedCatalogue, owningShards, shardsOf, USAGE_GATHER, Worker } from '@drawdown/ledger';

const name = 'worker';
/** To the database: one for its time, one for snapshots on their way there, one for those from there, one to look for them. */
const CONNECTIONS = 4;

runRole({
  name,
  port: 3015,
  settings: SERVER_VARIABLES,
  open: async ({ environment, log, metrics, readiness, until }) => {
    const settings = readServerSettings(environment);
    // Without one the clock is compared with nothing.
    const database =
      settings.databaseUrl === null
        ? null
        : openPgDatabase(settings.databaseUrl, { log, metrics, poolSize: CONNECTIONS });
    // Losing them changes what taking a shard over costs, never what it means. In the database any worker finds them.
    const snapshots =
      database === null
        ? await openFileSnapshots(path.join(environment['DRAWDOWN_DATA'] || '.drawdown', 'snapshots'), log)
        : databaseSnapshots(database, log);
    const ports = { name, log, metrics, gatherMs: USAGE_GATHER, shardsOf, streamOf: ledgerStream };
    const servers = await openLogServers(settings, ports, until);
    const clock = systemClock();
    const followed = new FollowedCatalogue({ store: servers.store, clock, log, lost: () => worker.stop() });
    const { catalogue } = followed;
    const shared = { ...servers, catalogue, clock, metrics, log, newTopics: settings.newTopics };
    const watch = database === null ? null : new ClockWatch({ clock, database, metrics, log });
    readiness.register('clock', () => watch?.trouble ?? null);
    const isClockRight = async (): Promise<boolean> => watch?.isRight() ?? true;
    const worker: Worker = new Worker({ ...shared, owner: owningShards({ ...shared, snapshots, isClockRight }) });
    let unwatch = (): void => undefined;
    const drain = async (): Promise<void> => {
      unwatch();
      watch?.stop();
      await worker.stop();
      await followed.stop();
    };
    const close = async (): Promise<void> => {
      await database?.close();
      await servers.close();
    };
    try {
      await until('event_store', () => followed.start());
      readiness.register('catalogue', () => followed.trouble);
      readiness.register('shards', () => worker.trouble);
      await until('kafka', () => worker.start());
      unwatch = watchDependencies({ event_store: () => askStore(servers.store) }, metrics, log);
      return { drain, close };
    } catch (error) {
      await drain();
      await close();
      throw error;
    }
  },
});
