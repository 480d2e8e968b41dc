import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { type EventStoreDbDouble, startDouble } from '@drawdown/adapters/eventstoredb/testing/double';
import { type KafkaBroker, startKafkaBroker } from '@drawdown/adapters/kafka/testing/broker';
import { freePorts } from '@drawdown/adapters/testing/ports';
import { LEDGER_TOPIC } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain';
import type { EventStore } from '@drawdown/ports';
import { Kafka, logLevel } from 'kafkajs';

/** What ten minutes at the live rate leave behind; written at once, so that the test need not last that long. */
const LIVE_PER_S = 200;
const AWAY_S = 600;
const BACKLOG = LIVE_PER_S * AWAY_S;
const BEFORE = 1_000;
const PER_APPEND = 1_000;
const DRAIN_MAX_S = BACKLOG / (5 * LIVE_PER_S);
/** While nothing can be published nothing is read ahead. */
const GROWTH_MAX_BYTES = 96 * 1024 * 1024;
/** FLT-80: what a role has. */
const MEMORY_MAX_BYTES = 512 * 1024 * 1024;
const WAIT_MAX_MS = 60_000;

let folder: string;
let broker: KafkaBroker;
let double: EventStoreDbDouble;
let store: EventStore;
let relay: AppProcess;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-away-'));
  const [port = 0] = await freePorts(1);
  [double, broker] = await Promise.all([startDouble(path.join(folder, 'store')), startKafkaBroker()]);
  store = openEventStoreDb(double.url);
  const environment = {
    ...{ HOST: '127.0.0.1', PORT: String(port), DRAWDOWN_SHARDS: '1' },
    ...{ EVENTSTORE_URL: double.url, KAFKA_BROKERS: broker.address },
  };
  relay = new AppProcess({ name: 'relay', file: path.resolve('dist/apps/relay/src/main.js'), environment, port });
  relay.start();
  await relay.ready();
}, 240_000);
afterAll(async () => {
  await relay.stop();
  await store.close();
  await Promise.all([double.stop(), broker.stop()]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const until = async (what: string, limitMs: number, holds: () => Promise<boolean>): Promise<number> => {
  const from = performance.now();
  for (; !(await holds()); await new Promise((go) => setTimeout(go, 50))) {
    if (performance.now() - from > limitMs)
      throw new Error(`${what}: not in time; lag ${String(await lag())}\n${relay.lastSaid}`);
  }
  return performance.now() - from;
};
const lag = (): Promise<number> => relay.metric('drawdown_relay_lag_events');
const memory = (): Promise<number> => relay.metric('process_resident_memory_bytes');

/** Facts of the usual size; what they say is nothing to the relay. */
const write = async (from: number, count: number): Promise<void> => {
  const stream = ledgerStream(0);
  for (let next = from; next < from + count; next += PER_APPEND) {
    const facts = Array.from({ length: PER_APPEND }, (_, i) => ({
      ...{
        id: randomUUID(),
        type: 'UsageCharged.v1',
        data: Buffer.from(JSON.stringify({ n: next + i, text: PADDING })),
      },
      metadata: { version: 1, booked_at: '2026-03-01T00:00:00.000000Z' },
    }));
    await store.append(stream, next, facts);
  }
};
const PADDING = 'x'.repeat(250);

const published = async (): Promise<number> => {
  const admin = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return (await admin.fetchTopicOffsets(LEDGER_TOPIC)).reduce((sum, { high }) => sum + Number(high), 0);
  } finally {
    await admin.disconnect();
  }
};

test(`FLT-31: after a broker that was away for ${String(AWAY_S)} s the backlog drains at 5 times the live rate at least, and memory stays flat`, async () => {
  await write(0, BEFORE);
  await until('what was before is published', WAIT_MAX_MS, async () => {
    // Acknowledged, too: what is not would be sent again, and count as lag.
    return (await relay.metric('drawdown_relay_published_total')) >= BEFORE && (await published()) >= BEFORE;
  });
  await broker.kill();
  const before = await memory();
  await write(BEFORE, BACKLOG);
  await until('the lag is seen', WAIT_MAX_MS, async () => (await lag()) === BACKLOG);
  expect((await memory()) - before).toBeLessThan(GROWTH_MAX_BYTES);
  await broker.restart();
  let most = 0;
  const ms = await until('the backlog is published', DRAIN_MAX_S * 1_000, async () => {
    most = Math.max(most, await memory());
    return (await lag()) === 0;
  });
  process.stdout.write(
    `away: ${String(BACKLOG)} events in ${(ms / 1_000).toFixed(1)} s, ${(BACKLOG / (ms / 1_000) / LIVE_PER_S).toFixed(0)} times the live rate; memory grew by ${((most - before) / 1_048_576).toFixed(0)} MiB\n`,
  );
  expect(most).toBeLessThan(MEMORY_MAX_BYTES);
  // A record whose acknowledgement was lost may be there twice; none may be missing.
  expect(await published()).toBeGreaterThanOrEqual(BEFORE + BACKLOG);
  expect(relay.ownEnds).toEqual([]);
}, 300_000);
