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
  say,
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
  const opened = parts.begin(settings.adminKey, async ({ secret, shown }) => {
    // Unsaid, it is replaced at the next start. Another api that starts now may have replaced it already.
    if (!(await say(`The first admin key, shown only now: ${secret}\n`)) || (await shown())) return;
    await say('That key is replaced already: the api that started last has said the one that counts.\n');
  });
  return { app, opened };
};

runApp(name, start, async (app) => `drawdown ${name}: ${await app.getUrl()}\n`);
