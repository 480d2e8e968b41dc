import 'reflect-metadata';
import { collectSeldom } from '@drawdown/adapters/collect-seldom';
import { readServerSettings, SERVER_VARIABLES } from '@drawdown/adapters/server-settings';
import { openLogServers } from '@drawdown/adapters/servers';
import { startRelay } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain';
import { runRole } from '@drawdown/http';
import { shardsOf } from '@drawdown/ledger';

const name = 'relay';

collectSeldom();

runRole({
  name,
  port: 3010,
  settings: SERVER_VARIABLES,
  open: async ({ environment, log, metrics, readiness, until }) => {
    const ports = { name, log, metrics, shardsOf, streamOf: ledgerStream };
    const servers = await openLogServers(readServerSettings(environment), ports, until);
    const register = readiness.register.bind(readiness);
    const relay = startRelay({ ...servers, streamOf: ledgerStream, log, metrics, register });
    return { drain: relay.stop, close: servers.close };
  },
});
