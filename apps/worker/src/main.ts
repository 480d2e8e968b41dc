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
  open: async ({ environment, log, metrics, readiness }) => {
    const servers = await openLogServers(readServerSettings(environment), {
      ...{ name, log, metrics, shardsOf },
      streamOf: ledgerStream,
    });
    try {
      const clock = systemClock();
      // Losing them changes what taking a shard over costs, never what it means.
      const folder = path.join(environment['DRAWDOWN_DATA'] || '.drawdown', 'snapshots');
      const snapshots = await openFileSnapshots(folder, log);
      const followed = new FollowedCatalogue({ store: servers.store, clock, log, lost: () => worker.stop() });
      const { catalogue } = followed;
      await followed.start();
      const shared = { ...servers, catalogue, clock, metrics, log };
      const worker: Worker = new Worker({ ...shared, owner: owningShards({ ...shared, snapshots }) });
      readiness.register('catalogue', () => followed.trouble);
      readiness.register('shards', () => worker.trouble);
      await worker.start();
      const drain = async (): Promise<void> => {
        await worker.stop();
        await followed.stop();
      };
      return { drain, close: servers.close };
    } catch (error) {
      await servers.close();
      throw error;
    }
  },
});
