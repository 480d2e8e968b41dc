import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { type EventStoreDbDouble, startDouble } from '@drawdown/adapters/eventstoredb/testing/double';
import { freePorts } from '@drawdown/adapters/testing/ports';
import { dropDatabase, newDatabase, testServer } from '@drawdown/adapters/postgres/testing/postgres-server';
import { shardsOf } from '@drawdown/ledger';
import { ACME, openLedger, used, withOrganization } from '@drawdown/ledger/testing';
import { Client } from 'pg';

const QUEUED = 100_000;
/** Usage of one request. */
const CHUNK = 1_000;
/** With less than 45 it does not start; of its usual batches it has died again and again with this. */
const HEAP_MB = 64;
/** Charges of a batch that fits: two or three facts of the log, as they are made here; usual are twenty. */
const BATCH_MAX = 4 * CHUNK;
const WAIT_MAX_MS = 150_000;

let folder: string;
let double: EventStoreDbDouble;
let database: string;
let projector: AppProcess;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-heap-'));
  double = await startDouble(path.join(folder, 'store'));
  database = await newDatabase(testServer());
  const [port = 0, nobody = 0] = await freePorts(2);
  const environment = {
    ...{ HOST: '127.0.0.1', PORT: String(port), EVENTSTORE_URL: double.url, DATABASE_URL: database },
    // Without a broker it catches up from the log, as far as that goes.
    ...{ KAFKA_BROKERS: `127.0.0.1:${String(nobody)}`, NODE_OPTIONS: `--max-old-space-size=${String(HEAP_MB)}` },
  };
  const file = path.resolve('dist/apps/transactions-projector/src/main.js');
  projector = new AppProcess({ name: 'transactions-projector', file, environment, port });
}, 60_000);
afterAll(async () => {
  await projector.stop();
  await double.stop();
  await dropDatabase(database);
  rmSync(folder, { recursive: true, force: true });
});

/** Usage that was charged while no projector ran. */
const queue = async (): Promise<void> => {
  const store = openEventStoreDb(double.url);
  await shardsOf(store, 1);
  const world = await openLedger({ store });
  await withOrganization(world, { credits: '1000000' });
  for (let first = 0; first < QUEUED; first += CHUNK) {
    await world.charge(...Array.from({ length: CHUNK }, (_, i) => used(`usage-${String(first + i)}`)));
  }
  await store.close();
};

const ask = async (sql: string): Promise<Record<string, string>> => {
  const client = new Client({ connectionString: database });
  await client.connect();
  try {
    return (await client.query<Record<string, string>>(sql)).rows[0] ?? {};
  } catch {
    return {}; // no table yet
  } finally {
    await client.end();
  }
};

test(`FLT-11: a projector with a heap of ${String(HEAP_MB)} MB shows ${String(QUEUED)} queued events, and skips none`, async () => {
  await queue();
  const from = performance.now();
  projector.start();
  const shown = `SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM transactions_v4_g1
                 WHERE organization_id = '${ACME}' AND kind = 'consumption'`;
  let rows = {};
  const all = { rows: String(QUEUED), ids: String(QUEUED) };
  for (; JSON.stringify(rows) !== JSON.stringify(all); await new Promise((go) => setTimeout(go, 100))) {
    rows = await ask(shown);
    if (performance.now() - from > WAIT_MAX_MS) {
      throw new Error(`${JSON.stringify(rows)}; ${projector.ownEnds.join('\n')} ${projector.lastSaid}`);
    }
  }
  const batchesOf = (what: string): Promise<number> =>
    projector.metric(`drawdown_projection_batch_${what}{projector="transactions"}`);
  const [batches, events, charges] = await Promise.all(['events_count', 'events_sum', 'charges_sum'].map(batchesOf));
  const seconds = ((performance.now() - from) / 1_000).toFixed(1);
  process.stdout.write(
    `small heap: ${seconds} s, ${String(projector.ownEnds.length)} ends, ${String(events)} events in ${String(batches)} batches\n`,
  );
  expect(charges).toBeLessThanOrEqual((batches ?? 0) * BATCH_MAX);
}, 240_000);
