import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { type EventStoreDbDouble, startDouble } from '@drawdown/adapters/eventstoredb/testing/double';
import { type KafkaBroker, startKafkaBroker } from '@drawdown/adapters/kafka/testing/broker';
import { allowance } from '@drawdown/adapters/testing/allowance';
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
/** On a machine that does nothing else: halved, the allowance leaves it there as it is. */
const DRAIN_MAX_S = BACKLOG / (5 * LIVE_PER_S);
/** While nothing can be published nothing is read ahead. */
const GROWTH_MAX_BYTES = 96 * 1024 * 1024;
/** FLT-80: what a role has. */
const MEMORY_MAX_BYTES = 512 * 1024 * 1024;
const WAIT_MAX_MS = 60_000;

/** Shards of the other backlog, which has the largest events that there can be after small ones. */
const SHARDS = 8;
/** `PageSize` asks for 16, then for 200 at a time: the next time it does, the large ones begin. */
const SMALL = 16 + 4 * 200;
const LARGE = 96;
const LARGE_BYTES = 850 * 1024;

let folder: string;
let broker: KafkaBroker;
let double: EventStoreDbDouble;
let store: EventStore;
let relay: AppProcess;
const begin = async (shards: number): Promise<void> => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-away-'));
  const [port = 0] = await freePorts(1);
  [double, broker] = await Promise.all([startDouble(path.join(folder, 'store')), startKafkaBroker()]);
  store = openEventStoreDb(double.url);
  const environment = {
    ...{ HOST: '127.0.0.1', PORT: String(port), DRAWDOWN_SHARDS: String(shards) },
    ...{ EVENTSTORE_URL: double.url, KAFKA_BROKERS: broker.address },
  };
  ends.push(
    () => store.close(),
    () => double.stop(),
    () => broker.stop(),
  );
  relay = new AppProcess({ name: 'relay', file: path.resolve('dist/apps/relay/src/main.js'), environment, port });
  ends.unshift(() => relay.stop());
  relay.start();
  await relay.ready();
};
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
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
/** The larger one; a process that does not answer in time has no memory to tell of. */
const more = (most: number, now: number): number => (now > most ? now : most);

/** Facts of a shard; what they say is nothing to the relay. */
const append = (shard: number, from: number, count: number, bytes: number): Promise<unknown> => {
  const padding = 'x'.repeat(bytes);
  const facts = Array.from({ length: count }, (_, i) => ({
    ...{ id: randomUUID(), type: 'UsageCharged.v1', data: Buffer.from(JSON.stringify({ n: from + i, text: padding })) },
    metadata: { version: 1, booked_at: '2026-03-01T00:00:00.000000Z' },
  }));
  return store.append(ledgerStream(shard), from, facts);
};
/** Facts of the usual size. */
const write = async (from: number, count: number): Promise<void> => {
  for (let next = from; next < from + count; next += PER_APPEND) await append(0, next, PER_APPEND, 250);
};

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
  await begin(1);
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
  const ms = await until('the backlog is published', (DRAIN_MAX_S * 1_000 * allowance()) / 2, async () => {
    most = more(most, await memory());
    return (await lag()) === 0;
  });
  process.stdout.write(
    `away: ${String(BACKLOG)} events in ${(ms / 1_000).toFixed(1)} s, ${(BACKLOG / (ms / 1_000) / LIVE_PER_S).toFixed(0)} times the live rate; memory grew by ${((most - before) / 1_048_576).toFixed(0)} MiB\n`,
  );
  expect(most).toBeLessThan(MEMORY_MAX_BYTES);
  // A record whose acknowledgement was lost may be there twice; none may be missing.
  expect(await published()).toBeGreaterThanOrEqual(BEFORE + BACKLOG);
  expect(relay.ownEnds).toEqual([]);
}, 900_000);

test(`a relay that comes back to a backlog of ${String(SHARDS)} shards, small events and then the largest there are, needs no more memory than a role has`, async () => {
  await begin(SHARDS);
  await relay.stop();
  for (let shard = 0; shard < SHARDS; shard++) {
    await append(shard, 0, SMALL, 250);
    for (let i = 0; i < LARGE; i++) await append(shard, SMALL + i, 1, LARGE_BYTES);
  }
  relay.start();
  await relay.ready();
  let most = 0;
  const all = SHARDS * (SMALL + LARGE);
  await until('the backlog is published', (DRAIN_MAX_S * 1_000 * allowance()) / 2, async () => {
    most = more(most, await memory());
    return (await relay.metric('drawdown_relay_published_total')) >= all;
  });
  process.stdout.write(
    `away: ${String(SHARDS)} shards, ${((SHARDS * LARGE * LARGE_BYTES) / 1_048_576).toFixed(0)} MiB: ${(most / 1_048_576).toFixed(0)} MiB at most\n`,
  );
  expect(most).toBeLessThan(MEMORY_MAX_BYTES);
  expect(await published()).toBeGreaterThanOrEqual(all);
  expect(relay.ownEnds).toEqual([]);
}, 900_000);
