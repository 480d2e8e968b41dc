import 'reflect-metadata';
import { readServerSettings, SERVER_VARIABLES } from '@drawdown/adapters/server-settings';
import { openServers } from '@drawdown/adapters/servers';
import { ledgerStream } from '@drawdown/domain';
import { runRole } from '@drawdown/http';
import { shardsOf } from '@drawdown/ledger';
import { ledgerGather, startProjectors } from '@drawdown/projections';

const name = 'balance-projector';
const models = ['balances'];

runRole({
  name,
  port: 3011,
  settings: SERVER_VARIABLES,
  open: async ({ environment, log, metrics, readiness, until, fail }) => {
    const ports = { name, log, metrics, gatherMs: ledgerGather(models), shardsOf, streamOf: ledgerStream };
    const servers = await openServers(readServerSettings(environment), ports, until);
    const register = readiness.register.bind(readiness);
    const projectors = startProjectors(models, { ...servers, log, metrics, register, fail });
    return { drain: projectors.stop, close: servers.close };
  },
});
