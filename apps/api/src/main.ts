import 'reflect-metadata';
import { systemClock } from '@drawdown/adapters/embedded/system-clock';
import { readServerSettings } from '@drawdown/adapters/server-settings';
import { openServers } from '@drawdown/adapters/servers';
import { ledgerStream } from '@drawdown/domain';
import { createHttp, createLogger, PrometheusMetrics, readApiSettings, Readiness, runApp } from '@drawdown/http';
import { shardsOf } from '@drawdown/ledger';
import { ApiModule } from './api.module';
import { openParts } from './parts';

const name = 'api';
let newKey = '';

const start = async () => {
  const settings = readApiSettings(process.env);
  const log = createLogger(settings.logLevel);
  const [metrics, readiness] = [new PrometheusMetrics(), new Readiness()];
  const ports = { name, log, metrics, shardsOf, streamOf: ledgerStream };
  const servers = await openServers(readServerSettings(process.env), ports);
  try {
    const parts = await openParts(settings, { ...servers, clock: systemClock(), log, metrics, readiness });
    if (parts.newAdminKey !== null) newKey = `The first admin key, shown only now: ${parts.newAdminKey}\n`;
    const app = await createHttp(ApiModule.of(parts, settings, log));
    await app.listen(settings.port, settings.host);
    return app;
  } catch (error) {
    await servers.close();
    throw error;
  }
};

runApp(name, start, async (app) => `drawdown ${name}: ${await app.getUrl()}\n${newKey}`);
