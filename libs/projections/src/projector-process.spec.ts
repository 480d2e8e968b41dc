import { openTestDatabase } from '@drawdown/adapters/testing';
import { CheckpointProgress, LEDGER_TOPIC, PROMPT, startRelay, WITHIN_A_SECOND } from '@drawdown/delivery';
import { later } from '@drawdown/domain/testing';
import {
  inProcessStream,
  NO_LOG,
  NO_METRICS,
  type EventStore,
  type Metrics,
  type ReadDatabase,
  type Stream,
} from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { isDeepStrictEqual } from 'node:util';
import { ledgerGather, startProjectors } from './projector-process';
import { projectors } from './projectors';
import { readModels } from './read-models-of';
import { assertBooks, TestLog, TestWorld } from './testing';

const SHARDS = 2;
const shardOf = (organizationId: string): number => Number(organizationId.slice(-1)) % SHARDS;

let database: ReadDatabase;
let store: EventStore;
let stream: Stream;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  database = await openTestDatabase();
  store = inMemoryEventStore();
  stream = inProcessStream();
});
afterAll(async () => {
  await Promise.all(stops.map((stop) => stop()));
  await database.close();
});

const checks = new Map<string, () => string | null | Promise<string | null>>();

const started = (names: readonly string[]): void => {
  const register = (name: string, check: () => string | null | Promise<string | null>): void =>
    void checks.set(`${names.join(' ')}: ${name}`, check);
  const ports = { store, stream, database, shards: SHARDS, log: NO_LOG, metrics: NO_METRICS, register };
  stops.push(startProjectors(names, ports).stop);
};

const ready = async (): Promise<boolean> =>
  (await Promise.all([...checks.values()].map(async (check) => check()))).every((reason) => reason === null);

test('a relay and projectors by themselves make the same read models as one process (INV-DEL-3)', async () => {
  const history = Array.from({ length: 200 }, (_, n) => ({
    ...{ kind: n % 9 === 0 ? ('grant' as const) : n % 10 === 0 ? ('time' as const) : ('use' as const) },
    ...{ who: n % 3, a: n * 7, b: n },
  }));
  const world = TestWorld.of(history);
  const log = new TestLog(store, shardOf);
  await log.write(world.drafts.slice(0, 50));
  const register = (name: string, check: () => string | null): void => void checks.set(name, check);
  const relay = startRelay({
    ...{ store, stream, shards: SHARDS, log: NO_LOG, metrics: NO_METRICS, register },
    streamOf: (shard) => `ledger-${String(shard)}`,
  });
  stops.push(relay.stop);
  for (const names of [['balances'], ['breakdown'], ['burn_rate'], ['transactions', 'quarantine', 'balance_days']])
    started(names);
  await log.write(world.drafts.slice(50));

  const progress = new CheckpointProgress(database, projectors, NO_LOG);
  for (const { name } of projectors) {
    for (let tries = 0; (await progress.serving(name).catch(() => null)) === null && tries < 1_000; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    for (let shard = 0; shard < SHARDS; shard++) {
      await progress.reached(name, shard, await store.head(`ledger-${String(shard)}`), 10_000);
    }
  }
  await assertBooks(database);
  expect(await ready()).toBe(true);
  const models = readModels({
    database,
    progress,
    store,
    shardOf,
    metrics: NO_METRICS,
    catalogueReached: async () => undefined,
  });
  const page = await models.transactions({ organizationId: 'org_1', now: later(world.now, {}) }, { limit: 500 });
  expect(page.value.data.length).toBeGreaterThan(10);
});

test('FLT-20, FLT-30, FLT-40: projectors tell for as long as they run whether their servers answer', async () => {
  const up: Record<string, number | null> = {};
  const gauge: Metrics['gauge'] = (name, value, labels = {}) => {
    if (name === 'dependency_up') up[labels['dependency'] ?? ''] = value;
  };
  const own = { store: inMemoryEventStore(), stream: inProcessStream() };
  await own.stream.ensureTopic(LEDGER_TOPIC, 1);
  const metrics = { ...NO_METRICS, gauge };
  const ports = { ...own, database, shards: 1, log: NO_LOG, metrics, register: () => undefined };
  stops.push(startProjectors(['quarantine'], ports).stop);
  const are = async (all: Readonly<Record<string, number>>): Promise<void> => {
    for (let tries = 0; !isDeepStrictEqual(up, all) && tries < 1_000; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(up).toEqual(all);
  };
  await are({ event_store: 1, kafka: 1, database: 1 });
  const away = new Error('it is away');
  const asked = [
    jest.spyOn(own.store, 'head').mockRejectedValue(away),
    jest.spyOn(own.stream, 'boundsOf').mockRejectedValue(away),
    jest.spyOn(database, 'query').mockRejectedValue(away),
  ];
  try {
    await are({ event_store: 0, kafka: 0, database: 0 });
  } finally {
    for (const spy of asked) spy.mockRestore();
  }
});

test('a process is told of a read model that there is not', () => {
  expect(() => started(['balance'])).toThrow('there is no projector balance');
});

test('records gather no longer than the freshest model of a process allows, and for balances not as long as for lists', () => {
  const gather = (...names: string[]): unknown => ledgerGather(names)[LEDGER_TOPIC];
  expect(gather('transactions', 'quarantine')).toBe(WITHIN_A_SECOND.gatherMs);
  expect(gather('transactions', 'balances')).toBe(PROMPT.gatherMs);
  expect(PROMPT.gatherMs).toBeLessThan(WITHIN_A_SECOND.gatherMs);
});
