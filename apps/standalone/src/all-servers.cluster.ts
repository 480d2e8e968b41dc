import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Addressed, startServers, stopServers } from '@drawdown/adapters/cluster/testing/cluster';
import { send } from './testing/api';
import { charge } from './testing/forms/charge';
import { chargedIn, KafkaService, messageOf } from './testing/forms/kafka-service';
import { chargesIn, leftAfter, makeOrganizations, untilLeft, usageOf } from './testing/forms/organizations';
import { type Exit, ServerProcess } from './testing/server-process';
import { until } from './testing/until';

const USAGE = 'drawdown.usage.v1';
const REAL = process.env['EVENTSTORE_URL'];
/** Enough for a kill to come in between. */
const USAGES = 400;
const PARTS = ['ledger', 'event_store', 'database', 'read_models', 'kafka', 'consumption', 'relay'];
const WAIT_MAX_MS = 60_000;

let folder: string;
let servers: Addressed;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-forms-'));
  chmodSync(folder, 0o711); // PostgreSQL runs as somebody else where root starts it
  servers = await startServers({ folder, ...(REAL === undefined ? {} : { eventStoreUrl: REAL }) });
}, 240_000);
afterEach(() => ServerProcess.endAll());
afterAll(async () => {
  await stopServers(servers);
  rmSync(folder, { recursive: true, force: true });
});

const start = (port?: number): Promise<ServerProcess> =>
  ServerProcess.spawn({
    dataFolder: path.join(folder, 'data'),
    environment: servers.addresses,
    ...(port === undefined ? {} : { port }),
  });

test('on all servers: killed while it consumes, it goes on, and usage from both doors is charged once and shown', async () => {
  const service = new KafkaService(servers.addresses.KAFKA_BROKERS);
  const first = await start();
  await first.ready();
  // Each has only a second to answer, which a busy machine may not give it.
  await until('every part is well', WAIT_MAX_MS, async () => {
    const checks = (await send(`${first.url}/readyz`, 'GET')).body['checks'] as Record<
      string,
      { readonly ok: boolean }
    >;
    return PARTS.every((name) => checks[name]?.ok === true);
  });
  const [name = '', other = ''] = await makeOrganizations(first.url, 2);
  await service.send(
    USAGE,
    Array.from({ length: USAGES }, (_, n) => messageOf(usageOf(name, `k${String(n)}`, 1))),
  );
  await first.kill();
  await service.send(USAGE, [messageOf(usageOf(name, 'late', 100))]);

  const second = await start(first.port);
  await second.ready();
  await charge(second.url, usageOf(name, 'http', 20));
  await charge(second.url, usageOf(other, 'http', 5));
  const wallet = await untilLeft(second.url, name, leftAfter(USAGES + 100 + 20));
  expect(await chargesIn(second.url, name, wallet)).toBe(USAGES + 2);
  await untilLeft(second.url, other, leftAfter(5));
  const published = await service.read(
    'drawdown.ledger.v1',
    // Some may be there twice; the id `http` is used by both organizations.
    (records) => new Set(records.flatMap(chargedIn)).size >= USAGES + 2,
  );
  expect(new Set(published.flatMap(chargedIn)).size).toBe(USAGES + 2);
  const exit: Exit = await second.stop();
  expect(exit).toEqual({ code: 0, signal: null });
}, 300_000);
