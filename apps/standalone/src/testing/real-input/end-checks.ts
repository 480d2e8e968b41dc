/** What must hold at the end of every run, whatever happened in it: the log, the fan-out and the read models say the same. */
import type { Cluster } from '@drawdown/adapters/cluster/testing/cluster';
import { openEventStoreDb } from '@drawdown/adapters/eventstoredb/event-store';
import { openPgDatabase } from '@drawdown/adapters/postgres/pg-database';
import { newDatabase } from '@drawdown/adapters/postgres/testing/postgres-server';
import { ledgerStream, violations } from '@drawdown/domain';
import { formatDecimal } from '@drawdown/kernel';
import { loadShard } from '@drawdown/ledger';
import { type EventStore, NO_LOG, NO_METRICS, type ReadDatabase } from '@drawdown/ports';
import { inMemorySnapshots } from '@drawdown/ports/testing';
import { assertBooks, checksums, projected, stopAll } from '@drawdown/projections/testing';
import { KafkaService, type ReadRecord } from '../forms/kafka-service';
import { inReadDatabase } from '../read-database';
import { until } from '../until';
import { say } from './say';

/** For what is under way when a run ends. */
const LEVEL_MAX_MS = 60_000;
/** A connection of its own for each read model. */
const CONNECTIONS = 6;

/** Sums of a wallet, as text: how the read models and the log are compared. */
type Sums = Readonly<Record<'settled' | 'held' | 'debt' | 'spent', string>>;

export const checkEnds = async ({ addresses }: Cluster, shards: number): Promise<void> => {
  const store = openEventStoreDb(addresses.EVENTSTORE_URL);
  const took = laps();
  try {
    const heads = await headsOf(store, shards);
    const folded = await foldAll(store, heads);
    took('folded');
    const [live, shown] = await inReadDatabase(addresses.DATABASE_URL, async (database) => {
      await untilLevel(heads, database);
      await assertBooks(database);
      return [await checksums(database), await walletsIn(database)] as const;
    });
    expect(shown).toEqual(folded);
    took('compared');
    await checkFanOut(new KafkaService(addresses.KAFKA_BROKERS), heads);
    took('fan-out read');
    expect(await rebuilt(store, shards, await newDatabase(addresses.DATABASE_URL))).toEqual(live);
    took('rebuilt');
    expect(await headsOf(store, shards)).toEqual(heads); // nothing moved while it was compared
    const events = heads.reduce((sum, head) => sum + head + 1, 0);
    say(`${String(events)} events, ${String(Object.keys(live).length)} tables: ${took('looked again')}`);
  } finally {
    await store.close();
  }
};

/** How long each part took, in the order in which they are named. */
const laps = (): ((name: string) => string) => {
  let last = performance.now();
  const told: string[] = [];
  return (name) => {
    const now = performance.now();
    told.push(`${name} in ${((now - last) / 1000).toFixed(1)} s`);
    last = now;
    return told.join(', ');
  };
};

/** The last revision of each shard. */
const headsOf = (store: EventStore, shards: number): Promise<readonly number[]> =>
  Promise.all(Array.from({ length: shards }, (_, shard) => store.head(ledgerStream(shard))));

/**
 * Every shard from its first event, each event's hash checked against the one before: up to its head, with books that add
 * up. Answers the sums of every wallet.
 */
const foldAll = async (store: EventStore, heads: readonly number[]): Promise<ReadonlyMap<string, Sums>> => {
  const sums = new Map<string, Sums>();
  for (const [shard, head] of heads.entries()) {
    const sources = { store, snapshots: inMemorySnapshots(), metrics: NO_METRICS, log: NO_LOG };
    const state = await loadShard(shard, sources);
    expect({ shard, revision: state.revision }).toEqual({ shard, revision: head });
    for (const { organization } of state.residents.values()) {
      expect({ id: organization.id, violations: violations(organization) }).toEqual({
        id: organization.id,
        violations: [],
      });
      for (const { key, settled, held, debt, lifetimeSpent } of organization.wallets) {
        const [s, h, d, spent] = [settled, held, debt, lifetimeSpent].map(formatDecimal) as [string, string, string, string]; // prettier-ignore
        sums.set(`${organization.id} ${key}`, { settled: s, held: h, debt: d, spent });
      }
    }
  }
  return sums;
};

/** The same from the read model of balances. */
const walletsIn = async (database: ReadDatabase): Promise<ReadonlyMap<string, Sums>> => {
  const [model] = await database.query<{ tables: readonly string[] }>(
    `SELECT tables FROM projection_models WHERE state = 'serving' AND projector = 'balances'`,
  );
  const table = model?.tables.find((name) => name.startsWith('wallets_')) ?? 'wallets';
  const rows = await database.query<Sums & { id: string }>(
    `SELECT organization_id || ' ' || wallet AS id, trim_scale(settled)::text AS settled, trim_scale(held)::text AS held,
       trim_scale(debt)::text AS debt, trim_scale(lifetime_spent)::text AS spent FROM ${table}`,
  );
  return new Map(rows.map(({ id, ...sums }) => [id, sums]));
};

export const untilLevel = async (heads: readonly number[], database: ReadDatabase): Promise<void> => {
  await until('the read models are level', LEVEL_MAX_MS, async () => {
    const rows = await database.query<{ shard: number; revision: string }>(
      'SELECT shard, revision FROM projection_checkpoints',
    );
    return rows.length > 0 && rows.every(({ shard, revision }) => Number(revision) === heads[shard]);
  });
};

/** In every partition of `drawdown.ledger.v1` each revision of its shard follows the one before it, or is a repeat. */
const checkFanOut = async (service: KafkaService, heads: readonly number[]): Promise<void> => {
  const last = heads.map(() => -1);
  const take = ({ partition, headers }: ReadRecord): void => {
    const [revision, before] = [Number(headers['revision']), last[partition] ?? NaN];
    if (headers['ce_source'] !== `drawdown/${ledgerStream(partition)}` || !(revision <= before + 1))
      throw new Error(`partition ${String(partition)}: ${JSON.stringify(headers)} follows ${String(before)}`);
    last[partition] = Math.max(before, revision);
  };
  let taken = 0;
  await service.read('drawdown.ledger.v1', (records) => {
    for (const record of records.slice(taken)) take(record);
    taken = records.length;
    return last.every((revision, shard) => revision >= (heads[shard] ?? NaN));
  });
  expect(last).toEqual(heads);
};

/** The sums of all read models, made anew from the log alone in an empty database. */
const rebuilt = async (store: EventStore, shards: number, url: string): Promise<Readonly<Record<string, string>>> => {
  const database = openPgDatabase(url, { poolSize: CONNECTIONS });
  try {
    await (await projected(store, database, { shards })).level();
    return await checksums(database);
  } finally {
    await stopAll();
    await database.close();
  }
};
