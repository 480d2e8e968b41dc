import { setTimeout as pause } from 'node:timers/promises';
import { ledgerStream } from '@drawdown/domain';
import type { Row } from '@drawdown/ports';
import { quantile } from '../rounds';
import type { ClusterWorld } from './cluster-world';
import { untilCommitted, usageOffsetIn } from './commits';
import { RECORDS_PER_SEND, uniform, type UsageLoad } from './usage-load';

/** Usage is sent so often, whether or not what was sent before has arrived (open loop). */
const TICK_MS = 20;
/** How often it is looked what is visible: the resolution of what is measured. */
const LOOK_EVERY_MS = 10;

/** A batch that was due at a time, and where its last record lies in each partition. */
interface Sent {
  readonly due: number;
  readonly offsets: readonly number[];
}

export interface VisibleLag {
  readonly p50: number;
  readonly p99: number;
  readonly offered: number;
  readonly batches: number;
}

/** From the time a batch of usage was due until the balances of all of it are committed, in ms, at so many a second. */
export const visibleLag = async (
  world: ClusterWorld,
  load: UsageLoad,
  perSecond: number,
  seconds: number,
): Promise<VisibleLag> => {
  const sent: Sent[] = []; // oldest first
  const seen: number[] = [];
  const perTick = Math.max(1, Math.round((perSecond * TICK_MS) / 1000));
  // What has become due while nothing could be sent goes in several sends: a broker takes no request above its limit.
  const ticksPerSend = Math.max(1, Math.floor(RECORDS_PER_SEND / perTick));
  const following = new AbortController();
  const visible = followOffsets(world, following.signal);
  let sending = true;
  const watch = async (): Promise<void> => {
    while (!following.signal.aborted && (sending || sent.length > 0)) {
      const offsets = await visible();
      const now = performance.now();
      while (sent[0]?.offsets.every((offset, shard) => offset <= (offsets[shard] ?? -1)) === true) {
        seen.push(now - (sent.shift()?.due ?? now));
      }
      await pause(LOOK_EVERY_MS);
    }
  };
  const send = async (): Promise<void> => {
    const started = performance.now();
    const ticks = Math.ceil((seconds * 1000) / TICK_MS);
    for (let tick = 0; tick < ticks;) {
      const early = started + tick * TICK_MS - performance.now();
      if (early > 0) await pause(early);
      // One send at a time, as a producer with a linger does it: what has become due during the one before goes with it.
      const due = Math.floor((performance.now() - started) / TICK_MS) + 1;
      const now = Math.min(ticks, due, tick + ticksPerSend);
      const offsets = await load.sendOnce((now - tick) * perTick, uniform);
      for (; tick < now; tick++) sent.push({ due: started + tick * TICK_MS, offsets });
    }
    sending = false;
  };
  try {
    await Promise.all([watch(), send()]);
    await untilCommitted(world, ['balances']);
  } finally {
    following.abort();
  }
  return {
    p50: quantile(seen, 0.5),
    p99: quantile(seen, 0.99),
    offered: perTick * (1000 / TICK_MS),
    batches: seen.length,
  };
};

/** Follows the log, so that it can be told of the checkpoints of the balances up to which offset of each shard's usage they are. */
const followOffsets = (world: ClusterWorld, signal: AbortSignal): (() => Promise<readonly number[]>) => {
  /** Of each shard: revisions that are not committed yet, and the usage offset that they reach. */
  const coming: [revision: number, offset: number][][] = Array.from({ length: world.shards }, () => []);
  const reached = coming.map(() => -1);
  let failure: { readonly error: unknown } | undefined;
  for (const shard of coming.keys()) {
    follow(world, shard, signal, (revision, offset) => coming[shard]?.push([revision, offset])).catch(
      (error: unknown) => (failure = { error }),
    );
  }
  return async () => {
    if (failure !== undefined) throw failure.error;
    const rows = await world.database.query<Row & { shard: number; revision: string }>(
      "SELECT shard, revision FROM projection_checkpoints WHERE model LIKE 'balances%'",
    );
    for (const { shard, revision } of rows) {
      const waiting = coming[shard] ?? [];
      while ((waiting[0]?.[0] ?? Infinity) <= Number(revision)) reached[shard] = waiting.shift()?.[1] ?? -1;
    }
    return reached;
  };
};

const follow = async (
  { store }: ClusterWorld,
  shard: number,
  signal: AbortSignal,
  saw: (revision: number, offset: number) => void,
): Promise<void> => {
  const stream = ledgerStream(shard);
  for await (const page of store.follow(stream, (await store.head(stream)) + 1, signal)) {
    for (const { revision, metadata } of page) {
      const offset = usageOffsetIn(metadata, shard);
      if (offset !== undefined) saw(revision, offset);
    }
  }
};
