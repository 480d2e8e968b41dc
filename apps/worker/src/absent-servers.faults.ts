import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { type EventStoreDbDouble, startDouble } from '@drawdown/adapters/eventstoredb/testing/double';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { freePorts } from '@drawdown/adapters/testing/ports';

/** FLT-09: so long a process that is asked to stop may take. */
const STOP_MAX_MS = 10_000;
const PROCESSES = ['api', 'worker', 'relay', 'balance-projector', 'transactions-projector', 'projectors'];

let folder: string;
let ports: readonly number[];
const doubles: EventStoreDbDouble[] = [];
const processes: AppProcess[] = [];
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-absent-'));
  ports = await freePorts(4);
});
afterEach(async () => {
  for (const process of processes.splice(0)) await process.stop();
  for (const double of doubles.splice(0)) await double.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A process whose servers are not there: nobody listens where it looks for them. */
const started = (name: string, more: Readonly<Record<string, string>> = {}): AppProcess => {
  const [port = 0, store, kafka, database] = ports.map(String).map((text, i) => (i === 0 ? Number(text) : text));
  const environment = {
    ...{ HOST: '127.0.0.1', PORT: String(port), DRAWDOWN_DATA: path.join(folder, name), DRAWDOWN_SHARDS: '2' },
    EVENTSTORE_URL: `esdb://127.0.0.1:${String(store)}?tls=false`,
    KAFKA_BROKERS: `127.0.0.1:${String(kafka)}`,
    DATABASE_URL: `postgres://nobody@127.0.0.1:${String(database)}/none`,
    ...more,
  };
  const file = path.resolve('dist/apps', name, 'src/main.js');
  const process = new AppProcess({ name, file, environment, port: Number(port) });
  processes.push(process);
  process.start();
  return process;
};

const textAt = async ({ url }: AppProcess, route: string): Promise<string> => {
  try {
    const response = await fetch(url + route, { signal: AbortSignal.timeout(5_000) });
    return `${String(response.status)} ${await response.text()}`;
  } catch (error) {
    return String(error); // nobody listens yet
  }
};
const says = async (process: AppProcess, route: string, text: string): Promise<void> => {
  let last = '';
  for (const end = performance.now() + 60_000; performance.now() < end;) {
    last = await textAt(process, route);
    if (last.includes(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${process.name} does not say ${text} at ${route}: ${last}\n${process.lastSaid}`);
};

const untilEnded = async ({ ownEnds }: AppProcess): Promise<void> => {
  for (const end = performance.now() + 60_000; ownEnds.length === 0 && performance.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

test.each(PROCESSES)('%s waits for an event store that is away, says so, and ends in time', async (name) => {
  const process = started(name);
  await says(process, '/readyz', 'waits for event_store');
  expect(await textAt(process, '/livez')).toContain('200');
  // It waits before it has asked for the first time.
  await says(process, '/metrics', 'drawdown_dependency_up{dependency="event_store"} 0');
  if (name === 'api') {
    const asked = await fetch(`${process.url}/v1/presets`);
    expect([asked.status, asked.headers.get('retry-after')]).toEqual([503, '1']);
  }
  // It appears, and the next thing that is away is waited for.
  doubles.push(await startDouble(path.join(folder, 'store'), { port: ports[1] ?? 0 }));
  if (name === 'api' || name === 'worker') await says(process, '/readyz', 'waits for kafka');
  else await says(process, '/readyz', '"start":{"ok":true');
  const asked = performance.now();
  expect(await process.stop()).toBe(0);
  expect(performance.now() - asked).toBeLessThan(STOP_MAX_MS * allowance()); // in time by its own clock: else the code is 1
  expect(process.ownEnds).toEqual([]);
});

test.each([
  ['a server that is not fit', '24.10.1', {}, 'skips an event'],
  ['a store of another shard count', '24.10.14', { DRAWDOWN_SHARDS: '3' }, 'made with 2 shards'],
])('FLT-13: %s ends the process, and says why', async (_, version, more, why) => {
  const double = await startDouble(path.join(folder, 'store'), { port: ports[1] ?? 0, version });
  doubles.push(double);
  if ('DRAWDOWN_SHARDS' in more) {
    const first = started('relay');
    await says(first, '/readyz', '"start":{"ok":true');
    expect(await first.stop()).toBe(0);
  }
  const process = started('worker', more);
  await untilEnded(process);
  expect(process.ownEnds[0]).toMatch(new RegExp(`^worker ended \\(1 null\\): [^]*cannot start: [^]*${why}`));
});

test('a read model that there is not ends the process of several, which says what there is', async () => {
  const process = started('projectors', { DRAWDOWN_READ_MODELS: 'balances,burn' });
  await untilEnded(process);
  expect(process.ownEnds[0]).toMatch(
    /^projectors ended \(1 null\): [^]*cannot start: [^]*burn[^]*burn_rate, transactions/,
  );
});
