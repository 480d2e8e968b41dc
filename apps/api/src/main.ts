import 'reflect-metadata';
import { systemClock } from '@drawdown/adapters/embedded/system-clock';
import { readServerSettings, SERVER_VARIABLES } from '@drawdown/adapters/server-settings';
import { connectServers } from '@drawdown/adapters/servers';
import { ledgerStream } from '@drawdown/domain';
import {
  checkAddress,
  createHttp,
  createLogger,
  listenAt,
  PrometheusMetrics,
  readApiSettings,
  Readiness,
  refuseUnknownSettings,
  runApp,
  type StartedApp,
} from '@drawdown/http';
import { shardsOf } from '@drawdown/ledger';
import { ApiModule } from './api.module';
import { Parts } from './parts';

const name = 'api';

const start = async (): Promise<StartedApp> => {
  refuseUnknownSettings(process.env, SERVER_VARIABLES);
  const settings = readApiSettings(process.env);
  const log = createLogger(settings.logLevel);
  await checkAddress(settings); // before servers are asked
  const [metrics, readiness] = [new PrometheusMetrics(), new Readiness()];
  const ports = { name, log, metrics, shardsOf, streamOf: ledgerStream };
  const servers = connectServers(readServerSettings(process.env), ports);
  const parts = new Parts({ ...servers, clock: systemClock(), log, metrics, readiness });
  const app = await createHttp(ApiModule.of(parts, settings, log));
  await listenAt(app, settings);
  const opened = parts.begin(settings.adminKey).then((newAdminKey) => {
    if (newAdminKey === null) return;
    process.stdout.write(`The first admin key, shown only now: ${newAdminKey}\n`);
  });
  return { app, opened };
};

runApp(name, start, async (app) => `drawdown ${name}: ${await app.getUrl()}\n`);
