import { later, START } from '@drawdown/domain/testing';
import { type EventStore, NO_LOG, type SnapshotStore } from '@drawdown/ports';
import { inMemorySnapshots } from '@drawdown/ports/testing';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { serialize } from 'node:v8';
import { foldNext } from './load-shard';
import { FOLD_VERSION, ShardState } from './fold';
import { ShardSnapshots } from './shard-snapshots';
import { restoreSnapshot } from './snapshot';
import { partsIn, type SnapshotHead, type SnapshotPiece } from './snapshot-parts';
import { delegating, grant, hold, type LedgerWorld, openLedger, stateHash, used, withOrganization } from './testing';
import { act, activities } from './testing/activity';
import { snapshotOf, withPieces } from './testing/snapshots';

/** A log with a snapshot somewhere in it. */
const stopped = async (snapshots = inMemorySnapshots()): Promise<LedgerWorld> => {
  const world = await openLedger({ snapshots });
  await withOrganization(world, { credits: '10' });
  await world.run(grant('5', { expiresAt: later(START, { days: 9 }) }), { key: 'k' });
  await world.charge(used('a'), used('b'), used('c', '1', { serviceType: 'unknown' }));
  await world.run(hold('3'));
  await world.ledger.stop();
  const second = await world.again();
  await second.charge(used('d'), used('b', '7'));
  return second;
};

const hashWith = async (world: LedgerWorld, snapshots: SnapshotStore): Promise<string> =>
  stateHash(await (await openLedger({ store: world.store, clock: world.clock, snapshots })).state());
const fullReplay = (world: LedgerWorld): Promise<string> => hashWith(world, inMemorySnapshots());

type Change = (bytes: Uint8Array) => Uint8Array | undefined;

/** Snapshots whose bytes come back changed. */
const changed = (inner: SnapshotStore, change: Change): SnapshotStore => ({
  ...inner,
  load: async (name, revision) => {
    const bytes = await inner.load(name, revision);
    return bytes && change(bytes);
  },
});
const withHead = (change: Partial<SnapshotHead>) => (bytes: Uint8Array) =>
  withPieces(bytes, (piece) => (piece.kind === 'head' ? { ...piece, ...change } : piece));

/** What would be another state, were it read. */
const ofAnotherFoldVersion: Change = (bytes) =>
  withHead({ foldVersion: 0 })(
    withPieces(bytes, (piece) =>
      piece.kind === 'organization' ? { ...piece, organization: { ...piece.organization, status: 'closed' } } : piece,
    ),
  );

const KINDS = ['head', 'organization', 'commands', 'priced', 'identities'] as const;
const without = (kind: SnapshotPiece['kind']) => (piece: SnapshotPiece) => (piece.kind === kind ? undefined : piece);

/** Which fields there are where, and of which kind; of what the log does not fill only that it is empty. */
const formOf = (value: unknown, path = '', form = new Set<string>()): ReadonlySet<string> => {
  if (value instanceof Map || Array.isArray(value)) {
    form.add(`${path}: ${value instanceof Map ? 'map' : 'list'}`);
    for (const one of value.values()) formOf(one, `${path}[]`, form);
  } else if (ArrayBuffer.isView(value)) form.add(`${path}: bytes`);
  else if (typeof value !== 'object' || value === null) form.add(`${path}: ${value === null ? 'null' : typeof value}`);
  else for (const [field, one] of Object.entries(value)) formOf(one, `${path}.${field}`, form);
  return form;
};

describe('INV-DEL-9, FLT-29: a snapshot changes what a start costs, never what it means', () => {
  test('with it, and without', async () => {
    const world = await stopped();
    expect(await world.snapshots.list('ledger-0')).not.toEqual([]);
    expect(await hashWith(world, world.snapshots)).toBe(await fullReplay(world));
  });

  test.each<readonly [string, Change]>([
    ['deleted', () => undefined],
    ['empty', () => new Uint8Array()],
    ['truncated', (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1)],
    ['not a snapshot', () => serialize(null)],
    ['of another shape', () => serialize({ foldVersion: 1 })],
    ['of the form before it was in parts', () => serialize({ foldVersion: 5, revision: 1, organizations: [] })],
    ['of another fold version (BAD-123)', ofAnotherFoldVersion],
    ['of another log: with a hash that its revision does not have', withHead({ hash: new Uint8Array(32) })],
    ['of another log: of a revision that there is not', withHead({ revision: 9_999 })],
    ...KINDS.map((kind): [string, Change] => [`without ${kind}`, (bytes) => withPieces(bytes, without(kind))]),
  ])('%s: it is ignored', async (_, change) => {
    const world = await stopped();
    expect(await hashWith(world, changed(world.snapshots, change))).toBe(await fullReplay(world));
  });

  test('the form of what it keeps belongs to the fold version: who changes the one raises the other', async () => {
    const world = await stopped();
    const pieces = [...partsIn(await snapshotOf(await world.state()))].flat();
    const form = [...formOf(pieces.map((piece) => ({ [piece.kind]: piece })))].sort().join('\n');
    const digest = createHash('sha256').update(form).digest('hex').slice(0, 16);
    // A program that reads another form as its own would go wrong at the first charge, not at the start.
    expect({ FOLD_VERSION, digest }).toEqual({ FOLD_VERSION: 8, digest: '431cb5dcbfae6e55' });
  });

  test('a snapshot of another installation is ignored, though it has the same revision', async () => {
    const [world, other] = [await stopped(), await stopped()];
    expect(await hashWith(world, other.snapshots)).toBe(await fullReplay(world));
  });

  test('where the newest is of no use, an older one is taken', async () => {
    const world = await stopped();
    await world.ledger.stop();
    const [newest] = await world.snapshots.list('ledger-0');
    const read: number[] = [];
    const store: EventStore = {
      ...delegating(world.store),
      read: async (stream, from, limit) => {
        read.push(from);
        return world.store.read(stream, from, limit);
      },
    };
    const broken: SnapshotStore = {
      ...world.snapshots,
      load: async (name, revision) => (revision === newest ? undefined : world.snapshots.load(name, revision)),
    };
    const opened = await openLedger({ store, clock: world.clock, snapshots: broken });
    expect(stateHash(await opened.state())).toBe(await fullReplay(world));
    expect(read).not.toContain(0);
  });

  test('snapshots that cannot be listed, loaded or saved stop nobody', async () => {
    const fails = (): Promise<never> => Promise.reject(new Error('no such folder'));
    const world = await stopped({ save: fails, list: fails, load: fails });
    await world.ledger.stop();
    const loadFails = { ...(await stopped()).snapshots, load: fails };
    expect(await hashWith(world, loadFails)).toBe(await fullReplay(world));
  });

  test('one that is never saved holds up no shutdown (FLT-09)', async () => {
    const save = jest.fn(() => new Promise<void>(() => undefined));
    const world = await openLedger({ snapshots: { ...inMemorySnapshots(), save } });
    await withOrganization(world, { credits: '10' });
    const stopping = world.ledger.stop();
    await world.time.pass(3_000);
    await stopping;
    expect(save).toHaveBeenCalledTimes(1);
  });

  test('a start waits for none that is due, and a stop not for longer than for another (FLT-09)', async () => {
    const due = jest.spyOn(ShardSnapshots.prototype, 'saveIfDue').mockReturnValue(new Promise(() => undefined));
    const world = await openLedger();
    await withOrganization(world, { credits: '10' });
    const charging = world.charge(used('a'));
    await world.ledger.stop();
    expect((await charging).outcomes).toMatchObject([{ outcome: 'charged' }]);
    expect(due).toHaveBeenCalled();
    due.mockRestore();
  });

  test('a bug met in saving one is told, and stops nobody', async () => {
    const due = jest.spyOn(ShardSnapshots.prototype, 'saveIfDue').mockRejectedValue(new TypeError('a bug'));
    const error = jest.fn();
    const world = await openLedger({ log: { ...NO_LOG, error } });
    await withOrganization(world, { credits: '10' });
    expect((await world.charge(used('a'))).outcomes).toMatchObject([{ outcome: 'charged' }]);
    await world.ledger.stop();
    due.mockRestore();
    const [told, message] = error.mock.calls[0] as [{ error: string }, string];
    expect(message).toBe('saving a snapshot failed unexpectedly');
    expect(told.error).toMatch(/^TypeError: a bug\n/);
  });

  test('one that cannot be saved is tried again, at the latest by the stop', async () => {
    const snapshots = inMemorySnapshots();
    const save = jest.spyOn(snapshots, 'save').mockRejectedValueOnce(new Error('no room'));
    const world = await openLedger({ snapshots });
    await withOrganization(world, { credits: '10' });
    const [shard] = world.ledger.shards;
    await shard?.stop();
    await shard?.stop();
    expect(save).toHaveBeenCalledTimes(2);
    expect(await snapshots.list('ledger-0')).toHaveLength(1);
  });

  test('what a start had to read beyond the snapshot is in the next one, though nothing was booked since', async () => {
    const world = await openLedger();
    await withOrganization(world, { credits: '10' });
    const another = await world.again(); // as after a kill: nothing was saved
    await another.ledger.stop();
    expect(await world.snapshots.list('ledger-0')).toHaveLength(1);
    const save = jest.spyOn(world.snapshots, 'save');
    await (await world.again()).ledger.stop();
    expect(save).not.toHaveBeenCalled();
  });
});

test('FLD-28, FLD-36: a snapshot and the tail are the same as from zero, at every position', async () => {
  await fc.assert(
    fc.asyncProperty(activities(40), async (operations) => {
      const world = await openLedger();
      await withOrganization(world, { credits: '0' });
      await act(world, operations);
      const log = await world.store.read('ledger-0', 0, 10_000);
      const states = [new ShardState()];
      for (const stored of log) {
        const snapshot = await restoreSnapshot(await snapshotOf(states[0] ?? new ShardState()));
        if (snapshot !== undefined) states.push(snapshot);
        for (const state of states) foldNext(state, 0, stored);
      }
      const hashes = new Set(states.map(stateHash));
      expect(states).toHaveLength(log.length + 1);
      expect([...hashes]).toEqual([stateHash(await world.state())]);
    }),
    { numRuns: 25 },
  );
});

test('INV-TIM-6: what is due is due after a restart with a snapshot, too', async () => {
  const world = await stopped();
  await world.ledger.stop();
  world.clock.moveTo(later(START, { days: 40 }));
  const restarted = await world.again();
  await restarted.ledger.settleClock('');
  // 10 + 5, less 3 charges; the hold gave 3 back to the lot that had expired.
  expect(await restarted.available()).toBe('9');
});
