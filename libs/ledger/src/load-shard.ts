import { setImmediate as turn } from 'node:timers/promises';
import { bookedAtOf, ledgerStream, readMetadata, readRecorded } from '@drawdown/domain';
import { expectedHash } from '@drawdown/kernel';
import {
  type EventStore,
  type Log,
  type Metrics,
  PageSize,
  type SnapshotStore,
  type StoredEvent,
} from '@drawdown/ports';
import { foldStored, ShardState } from './fold';
import { restoreSnapshot } from './snapshot';

/** Bytes folded in one turn of the event loop: between two, what the store sends is taken, so that it goes on sending. */
const TURN_BYTES = 256 * 1024;

/** After so long no older snapshot is tried: the log itself is there. */
const SNAPSHOTS_MAX_MS = 20_000;

/** The log is not what its own hashes say, or has a hole: nothing may be decided on it. */
export class LogDamaged extends Error {
  readonly code = 'log_damaged';
}

const TO_DO = '; stop all processes and take the log from a backup, as in "Backup and restore" of deploy/README.md';

export interface LoadSources {
  readonly store: EventStore;
  readonly snapshots: SnapshotStore;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Puts the next stored event into the state, after checking that it is the next and that its hash is right. */
export const foldNext = (state: ShardState, shard: number, stored: StoredEvent): void => {
  const stream = ledgerStream(shard);
  if (stored.revision !== state.revision + 1) {
    throw new LogDamaged(`${stream}: revision ${String(stored.revision)} follows ${String(state.revision)}${TO_DO}`);
  }
  // Before anything else of it is read: what was changed may be unreadable, too.
  if (expectedHash(state.hash, { ...stored, stream }).toString('hex') !== stored.metadata['hash']) {
    throw new LogDamaged(
      `${stream}: the hash of revision ${String(stored.revision)} does not match its content${TO_DO}`,
    );
  }
  const { event } = readRecorded(shard, stored);
  const metadata = readMetadata(stored.metadata);
  foldStored(state, event, metadata, bookedAtOf(metadata), stored.revision);
};

const fromSnapshot = async (shard: number, { store, snapshots, log }: LoadSources): Promise<ShardState> => {
  const stream = ledgerStream(shard);
  const noneWhere = (error: unknown, revision?: number): undefined => {
    log.warn({ stream, revision, error: String(error) }, 'snapshot ignored: it cannot be had');
    return undefined;
  };
  const end = performance.now() + SNAPSHOTS_MAX_MS;
  for (const revision of (await snapshots.list(stream).catch(noneWhere)) ?? []) {
    if (performance.now() > end) break;
    const bytes = await snapshots.load(stream, revision).catch((error: unknown) => noneWhere(error, revision));
    if (bytes === undefined) continue;
    const state = await restoreSnapshot(bytes);
    if (state === undefined) {
      log.warn({ stream, revision }, 'snapshot ignored: damaged, or of another version');
      continue;
    }
    const [stored] = await store.read(stream, state.revision, 1);
    const hash = stored?.metadata['hash'];
    if (hash === state.hash.toString('hex')) return state;
    log.warn({ stream, revision }, 'snapshot ignored: it does not belong to this log');
  }
  return new ShardState();
};

/** Folds the stream from the state on, each page while the next one comes; answers how many bytes that were. */
const foldRest = async (state: ShardState, shard: number, store: EventStore): Promise<number> => {
  const stream = ledgerStream(shard);
  const size = new PageSize();
  const page = (from: number): Promise<readonly StoredEvent[]> => store.read(stream, from, size.events);
  let folded = 0;
  let coming = page(state.revision + 1);
  for (let events = await coming; events.length > 0; events = await coming) {
    size.learn(events);
    coming = page(state.revision + 1 + events.length);
    coming.catch(() => undefined); // it is awaited, unless this page ends the loading with an error of its own
    let bytes = 0;
    for (const stored of events) {
      foldNext(state, shard, stored);
      bytes += stored.data.byteLength;
      folded += stored.data.byteLength;
      if (bytes < TURN_BYTES) continue;
      await turn();
      bytes = 0;
    }
  }
  return folded;
};

/** The shard's state: the newest usable snapshot, and the log from there on, of which `folded` is told the bytes. */
export const loadShard = async (
  shard: number,
  sources: LoadSources,
  folded: (bytes: number) => void = () => undefined,
): Promise<ShardState> => {
  const started = performance.now();
  const stream = ledgerStream(shard);
  const state = await fromSnapshot(shard, sources);
  const snapshotRevision = state.revision;
  folded(await foldRest(state, shard, sources.store));
  const seconds = (performance.now() - started) / 1000;
  sources.metrics.count('shard_loads_total');
  sources.metrics.observe('shard_load_duration_seconds', seconds);
  sources.log.info({ stream, snapshotRevision, revision: state.revision, seconds }, 'shard loaded');
  return state;
};
