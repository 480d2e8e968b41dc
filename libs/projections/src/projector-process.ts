import { fannedOut, LEDGER_TOPIC, type Projector, watchDependencies } from '@drawdown/delivery';
import { ledgerStream } from '@drawdown/domain/events';
import { askStore, type EventStore, type Log, type Metrics, type ReadDatabase, type Stream } from '@drawdown/ports';
import type { LedgerRecord } from './ledger-record';
import { ledgerRunner, projectors } from './projectors';

export interface ProjectorProcessPorts {
  readonly store: EventStore;
  /** Where the relay publishes. */
  readonly stream: Stream;
  readonly database: ReadDatabase;
  readonly shards: number;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Takes what says why the process cannot work; null where it can. */
  readonly register: (name: string, check: () => string | null | Promise<string | null>) => void;
  /** Told what no time cures: the process is of no use any more. */
  readonly fail?: (error: Error) => void;
}

const named = (names: readonly string[]): readonly Projector<unknown, LedgerRecord>[] =>
  names.map((name) => {
    const found = projectors.find((projector) => projector.name === name);
    if (found === undefined) throw new RangeError(`there is no projector ${name}`);
    return found;
  });

/** How long the fan-out's records may gather before a process of these projectors asks for more, in milliseconds, by topic. */
export const ledgerGather = (names: readonly string[]): Readonly<Record<string, number>> => ({
  [LEDGER_TOPIC]: Math.min(...named(names).map(({ freshness }) => freshness.gatherMs)),
});

/** Carries some read models forward in a process of their own, live from the fan-out. Ends with the result. */
export const startProjectors = (
  names: readonly string[],
  { stream, register, fail, ...ports }: ProjectorProcessPorts,
): { readonly stop: () => Promise<void> } => {
  const { database, shards, log, metrics } = ports;
  const partitions = new Map(Array.from({ length: shards }, (_, shard) => [ledgerStream(shard), shard]));
  const store = fannedOut(ports.store, stream, { partitionOf: (name) => partitions.get(name), log, metrics });
  const runner = ledgerRunner({ ...ports, store, projectors: named(names), ...(fail && { onTooNew: fail }) });
  register('database', async () => {
    await database.query('SELECT 1');
    return null;
  });
  register('read_models', () => {
    if (runner.trouble !== null) return runner.trouble;
    const stuck = runner.health().find(({ state }) => state !== 'running');
    return stuck === undefined ? null : `${stuck.model}: ${stuck.reason ?? stuck.state}`;
  });
  const unwatch = watchDependencies(
    {
      event_store: () => askStore(store),
      kafka: () => stream.boundsOf(LEDGER_TOPIC),
      database: () => database.query('SELECT 1'),
    },
    metrics,
    log,
  );
  runner.start().catch((error: unknown) => log.error({ error: String(error) }, 'the projectors do not run'));
  return {
    stop: async () => {
      unwatch();
      await runner.stop();
    },
  };
};
