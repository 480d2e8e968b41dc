import 'reflect-metadata';
import { readServerSettings, SERVER_VARIABLES } from '@drawdown/adapters/server-settings';
import { openServers } from '@drawdown/adapters/servers';
import { ledgerStream } from '@drawdown/domain';
import { runRole } from '@drawdown/http';
import { shardsOf } from '@drawdown/ledger';
import { ledgerGather, readModelsIn, READ_MODELS_VARIABLES, startProjectors } from '@drawdown/projections';

const name = 'projectors';

runRole({
  name,
  port: 3016,
  settings: { ...SERVER_VARIABLES, ...READ_MODELS_VARIABLES },
  open: async ({ environment, log, metrics, readiness, until, fail }) => {
    const models = readModelsIn(environment);
    const ports = { name, log, metrics, gatherMs: ledgerGather(models), shardsOf, streamOf: ledgerStream };
    const servers = await openServers(readServerSettings(environment), ports, until);
    const register = readiness.register.bind(readiness);
    const projectors = startProjectors(models, { ...servers, log, metrics, register, fail });
    return { drain: projectors.stop, close: servers.close };
  },
});
