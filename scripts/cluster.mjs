/** `npm run cluster`: the distributed form on this machine, every process for itself, until Ctrl-C. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';

const root = path.resolve(import.meta.dirname, '..');
const HELP = `npm run cluster -- [options]

Starts every process of the distributed form on 127.0.0.1, and the servers they need: Apache Kafka (needs Java 17 or later,
and the first time Maven), PostgreSQL (its server programs), and a double of EventStoreDB that speaks its protocol and keeps
its log on disk. Ctrl-C stops all of them in order.

  --eventstore <url>  an EventStoreDB that is there already, esdb://… (default: EVENTSTORE_URL, else the double)
  --kafka <address>   a Kafka that is there already, host:port
  --postgres <url>    a PostgreSQL that is there already, postgres://…
  --shards <n>        shards of a new store (default 4)
  --workers <n>       worker processes (default 2)
  --together          balances, breakdown and burn rate in one process, instead of one for each: for few cores
  --port <n>          port of the API (default 3000; 0 takes a free one)
  --data <folder>     where everything is kept (default: a temporary folder, removed at the end)
  --help              this text

DRAWDOWN_ADMIN_KEY is the admin key where it is set; otherwise one is made.`;

const options = {
  eventstore: { type: 'string', default: process.env.EVENTSTORE_URL },
  kafka: { type: 'string' },
  postgres: { type: 'string' },
  shards: { type: 'string', default: '4' },
  workers: { type: 'string', default: '2' },
  together: { type: 'boolean', default: false },
  port: { type: 'string', default: '3000' },
  data: { type: 'string' },
  help: { type: 'boolean', default: false },
};

/** The arguments, or why they are none. */
function argumentsOf() {
  try {
    const { values } = parseArgs({ options });
    for (const name of ['shards', 'workers']) {
      if (!/^[1-9]\d{0,3}$/.test(values[name])) throw new Error(`--${name} must be a number from 1 on`);
    }
    if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65_535) {
      throw new Error('--port must be a number between 0 and 65535');
    }
    return values;
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}

const said = (name, line) => console.log(`${name.padEnd(22)} ${line}`);

/** The two commands to try, and where everything is. */
function welcome({ url, adminKey, addresses, apps }) {
  console.log(`
Drawdown is ready at ${url}
  admin key: ${adminKey}
${Object.entries(addresses)
  .map(([name, address]) => `  ${name}=${address}`)
  .join('\n')}
${apps.map(({ name, url: own, pid }) => `  ${name.padEnd(22)} ${own}/readyz  (process ${pid})`).join('\n')}

  curl -s ${url}/v1/organizations -H 'Authorization: Bearer ${adminKey}' \\
    -H 'Content-Type: application/json' -d '{"name":"Acme","preset":"enterprise"}'

Ctrl-C stops everything.
`);
}

async function main() {
  const { eventstore, kafka, postgres, shards, workers, together, port, data, help } = argumentsOf();
  if (help) return console.log(HELP);
  await build({ quiet: true });
  const file = path.join(root, 'dist/libs/adapters/src/cluster/testing/cluster.js');
  const { startCluster } = (await import(pathToFileURL(file).href)).default;
  // From here on: a Ctrl-C while it starts must not leave it behind either.
  const stopped = new Promise((resolve) => ['SIGINT', 'SIGTERM'].forEach((signal) => process.once(signal, resolve)));
  const folder = data === undefined ? mkdtempSync(path.join(tmpdir(), 'drawdown-cluster-')) : path.resolve(root, data);
  const { DRAWDOWN_ADMIN_KEY: adminKey } = process.env;
  const cluster = await startCluster({
    ...{ folder, said, shards: Number(shards), workers: Number(workers) },
    projectors: together ? 'together' : 'apart',
    ...(port === '0' ? {} : { port: Number(port) }),
    ...(eventstore ? { eventStoreUrl: eventstore } : {}),
    ...(kafka === undefined ? {} : { kafka }),
    ...(postgres === undefined ? {} : { postgresUrl: postgres }),
    ...(adminKey ? { adminKey } : {}),
  });
  welcome(cluster);
  await stopped;
  await cluster.stop();
  if (data === undefined) rmSync(folder, { recursive: true, force: true });
  return undefined;
}

try {
  await main();
} catch (error) {
  console.error(['kafka_tool_missing', 'postgres_missing'].includes(error.code) ? error.message : error);
  process.exitCode = 1;
}
