import { NO_LOG, type Snapshot } from '@drawdown/ports';
import { inMemorySnapshots } from '@drawdown/ports/testing';
import { ShardState } from './fold';
import { EVERY_BYTES, ShardSnapshots } from './shard-snapshots';
import { SnapshotCut } from './snapshot-cut';

const MEGABYTE = 1024 * 1024;
const APPEND = 10 * MEGABYTE;

/** Stores so many bytes of log on a state whose snapshot has so many; answers how many snapshots that took. */
const savesOf = async (logBytes: number, stateBytes: number, fails: () => boolean = () => false): Promise<number> => {
  let taken = 0;
  const take = (state: ShardState): SnapshotCut => {
    taken++;
    const cut = new SnapshotCut(state);
    cut.bytes = stateBytes; // a few more are written
    return cut;
  };
  const save = async (_: string, of: () => Snapshot | null): Promise<void> => {
    for await (const part of of()?.parts ?? []) expect(part.byteLength).toBeGreaterThan(0);
    if (fails()) throw new Error('no room');
  };
  const ports = { snapshots: { ...inMemorySnapshots(), save }, log: NO_LOG };
  const saved = new ShardSnapshots('ledger-0', ports, () => new ShardState(), take);
  for (let stored = 0; stored < logBytes; stored += APPEND) {
    saved.stored(APPEND);
    await saved.saveIfDue();
  }
  return taken;
};

test('a small state is saved whenever so much was added to the log that a start would take long', async () => {
  expect(await savesOf(10 * EVERY_BYTES, MEGABYTE)).toBe(10);
});

test('of a large state no more is written than a little more than was added to the log', async () => {
  for (const times of [2, 5, 20]) {
    const [log, state] = [100 * EVERY_BYTES, times * EVERY_BYTES];
    expect((await savesOf(log, state)) * state).toBeLessThanOrEqual(log + state);
  }
});

test('where it cannot be saved, it is tried again as seldom as its size asks for', async () => {
  const log = 20 * EVERY_BYTES;
  const small = await savesOf(log, MEGABYTE, () => true);
  expect(small).toBeGreaterThan(100);
  expect(await savesOf(log, 10 * EVERY_BYTES, () => true)).toBeLessThan(small / 5);
});

test('what could not be saved is saved by the stop, though nothing came after it', async () => {
  let fails = true;
  const saved: unknown[] = [];
  const save = async (_: string, of: () => unknown): Promise<void> => {
    const snapshot = of();
    if (fails) throw new Error('no room');
    saved.push(snapshot);
  };
  const ports = { snapshots: { ...inMemorySnapshots(), save }, log: NO_LOG };
  const snapshots = new ShardSnapshots('ledger-0', ports, () => new ShardState());
  snapshots.stored(EVERY_BYTES);
  await snapshots.saveIfDue();
  fails = false;
  await snapshots.saveRest();
  expect(saved).toHaveLength(1);
  await snapshots.saveRest(); // and once is enough
  expect(saved).toHaveLength(1);
});

test('once it is given up none is begun: neither the one whose turn has not come, nor the rest after it (FLT-09)', async () => {
  const kept = inMemorySnapshots();
  let goOn = (): void => undefined;
  const letGo = new Promise<void>((resolve) => (goOn = resolve));
  async function* slow(): AsyncGenerator<Uint8Array> {
    await letGo;
    yield Buffer.from('another shard');
  }
  const another = kept.save('ledger-1', () => ({ revision: 1, parts: slow() }));
  const snapshots = new ShardSnapshots('ledger-0', { snapshots: kept, log: NO_LOG }, () => new ShardState());
  snapshots.stored(EVERY_BYTES);
  const due = snapshots.saveIfDue();
  const rest = snapshots.saveRest();
  snapshots.giveUp();
  goOn();
  await Promise.all([another, due, rest]);
  expect(await kept.list('ledger-0')).toEqual([]);
});

test('after a bug met in saving one the next is saved', async () => {
  const kept = inMemorySnapshots();
  let isBroken = true;
  const take = (state: ShardState): SnapshotCut => {
    const cut = new SnapshotCut(state);
    const end = cut.end.bind(cut);
    cut.end = () => {
      end();
      if (isBroken) throw new TypeError('a bug');
    };
    return cut;
  };
  const state = new ShardState();
  state.revision = 1;
  const snapshots = new ShardSnapshots('ledger-0', { snapshots: kept, log: NO_LOG }, () => state, take);
  snapshots.stored(EVERY_BYTES);
  await expect(snapshots.saveIfDue()).rejects.toThrow('a bug');
  isBroken = false;
  state.revision = 2;
  snapshots.stored(EVERY_BYTES);
  await snapshots.saveIfDue();
  expect(await kept.list('ledger-0')).toContain(2);
});
