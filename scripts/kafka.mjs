/** `npm run kafka`: one Apache Kafka for this machine, from its Maven artifacts, until Ctrl-C. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';

const root = path.resolve(import.meta.dirname, '..');
const HELP = `npm run kafka -- [options]

Starts one Apache Kafka (KRaft, a single node) on 127.0.0.1 and stops it at Ctrl-C. Needs Java 17 or later, and the
first time Maven, which fetches 45 MB into .cache/kafka; later starts need no network. Topics are not made by use.

  --port <n>       port to listen on (default 9092; 0 takes a free one)
  --data <folder>  where its data lies (default .drawdown/kafka); it is kept
  --bench          slower to start, twice as fast afterwards
  --help           this text`;

const options = {
  port: { type: 'string', default: '9092' },
  data: { type: 'string', default: '.drawdown/kafka' },
  bench: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
};

/** The arguments, or why they are none. */
function argumentsOf() {
  try {
    const { values } = parseArgs({ options });
    if (/^\d{1,5}$/.test(values.port) && Number(values.port) <= 65_535) return values;
    throw new Error('--port must be a number between 0 and 65535');
  } catch (error) {
    console.error(`${error.message}\n\n${HELP}`);
    process.exit(2);
  }
}

async function main() {
  const { port, data, bench, help } = argumentsOf();
  if (help) return console.log(HELP);
  await build({ quiet: true });
  const file = path.join(root, 'dist/libs/adapters/src/kafka/testing/broker.js');
  const { startKafkaBroker } = (await import(pathToFileURL(file).href)).default;
  // From here on: a Ctrl-C while it starts must not leave it behind either.
  const stopped = new Promise((resolve) => ['SIGINT', 'SIGTERM'].forEach((signal) => process.once(signal, resolve)));
  const taken = port === '0' ? {} : { port: Number(port) };
  const broker = await startKafkaBroker({ folder: path.resolve(root, data), forBench: bench, ...taken });
  console.log(`Kafka listens on ${broker.address} (KAFKA_BROKERS=${broker.address}); Ctrl-C stops it`);
  await stopped;
  await broker.stop();
  return undefined;
}

try {
  await main();
} catch (error) {
  console.error(error.code === 'kafka_tool_missing' ? error.message : error);
  process.exitCode = 1;
}
