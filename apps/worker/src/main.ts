import 'reflect-metadata';
import path from 'node:path';
import { openFileSnapshots } from '@drawdown/adapters/embedded/file-snapshots';
import { systemClock } from '@drawdown/adapters/embedded/system-clock';
import { readServerSettings, SERVER_VARIABLES } from '@drawdown/adapters/server-settings';
import { openLogServers } from '@drawdown/adapters/servers';
import { ledgerStream } from '@drawdown/domain';
import { runRole } from '@drawdown/http';
import { FollowedCatalogue, owningShards, shardsOf, Worker } from '@drawdown/ledger';

const name = 'worker';

runRole({
  name,
  port: 3015,
  settings: SERVER_VARIABLES,
  open: async ({ environment, log, metrics, readiness, until }) => {
    const settings = readServerSettings(environment);
    // Losing them changes what taking a shard over costs, never what it means.
    const snapshots = await openFileSnapshots(path.join(environment['DRAWDOWN_DATA'] || '.drawdown', 'snapshots'), log);
    const ports = { name, log, metrics, shardsOf, streamOf: ledgerStream };
    const servers = await openLogServers(settings, ports, until);
    const clock = systemClock();
    const followed = new FollowedCatalogue({ store: servers.store, clock, log, lost: () => worker.stop() });
    const { catalogue } = followed;
    const shared = { ...servers, catalogue, clock, metrics, log, newTopics: settings.newTopics };
    const worker: Worker = new Worker({ ...shared, owner: owningShards({ ...shared, snapshots }) });
    const drain = async (): Promise<void> => {
      await worker.stop();
      await followed.stop();
    };
    try {
      await until('event_store', () => followed.start());
      readiness.register('catalogue', () => followed.trouble);
      readiness.register('shards', () => worker.trouble);
      await until('kafka', () => worker.start());
      return { drain, close: servers.close };
    } catch (error) {
      await drain();
      await servers.close();
      throw error;
    }
  },
});
