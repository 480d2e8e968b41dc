import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Log } from '@drawdown/ports';
import { snapshotsConformance } from '@drawdown/ports/testing';
import { openFileSnapshots } from './file-snapshots';
import { folders } from './testing/folders';

const freshFolder = folders();
snapshotsConformance(() => openFileSnapshots(freshFolder()));

const fileOf = (folder: string, name: string, revision: number): string =>
  path.join(folder, `s-${name}`, `${String(revision).padStart(16, '0')}.snapshot`);

test('a snapshot survives a restart', async () => {
  const folder = freshFolder();
  await (await openFileSnapshots(folder)).save('ledger-1', () => ({ revision: 12, parts: [Buffer.from('state')] }));
  const restarted = await openFileSnapshots(folder);
  expect(await restarted.list('ledger-1')).toEqual([12]);
  expect(Buffer.from((await restarted.load('ledger-1', 12)) ?? []).toString()).toBe('state');
});

test('a damaged snapshot counts as missing, wherever the damage is', async () => {
  const folder = freshFolder();
  const snapshots = await openFileSnapshots(folder);
  await snapshots.save('ledger-1', () => ({ revision: 5, parts: [Buffer.from('the state of the shard')] }));
  const file = fileOf(folder, 'ledger-1', 5);
  const whole = readFileSync(file);
  for (let at = 0; at < whole.byteLength; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    writeFileSync(file, damaged);
    expect(await snapshots.load('ledger-1', 5)).toBeUndefined();
    writeFileSync(file, whole.subarray(0, at));
    expect(await snapshots.load('ledger-1', 5)).toBeUndefined();
  }
  writeFileSync(file, Buffer.concat([whole, Buffer.from('x')]));
  expect(await snapshots.load('ledger-1', 5)).toBeUndefined();
  writeFileSync(file, whole);
  expect(await snapshots.load('ledger-1', 5)).toBeDefined();
});

test('a snapshot in the place of another counts as missing, and the log says so', async () => {
  const folder = freshFolder();
  const warn = jest.fn();
  const log: Log = { info: () => undefined, warn, error: () => undefined };
  const snapshots = await openFileSnapshots(folder, log);
  for (const name of ['ledger-1', 'ledger-2'])
    await snapshots.save(name, () => ({ revision: 1, parts: [Buffer.from(name)] }));
  copyFileSync(fileOf(folder, 'ledger-1', 1), fileOf(folder, 'ledger-2', 1));
  copyFileSync(fileOf(folder, 'ledger-1', 1), fileOf(folder, 'ledger-1', 2));
  expect(await snapshots.load('ledger-2', 1)).toBeUndefined();
  expect(await snapshots.load('ledger-1', 2)).toBeUndefined();
  expect(warn).toHaveBeenCalledTimes(2);
});

test('what a crash left behind is in nobody’s way', async () => {
  const folder = freshFolder();
  const snapshots = await openFileSnapshots(folder);
  await snapshots.save('ledger-1', () => ({ revision: 1, parts: [Buffer.from('one')] }));
  writeFileSync(path.join(folder, 's-ledger-1', 'saving.tmp'), 'half a snapsh');
  writeFileSync(path.join(folder, 's-ledger-1', 'README'), '');
  await snapshots.save('ledger-1', () => ({ revision: 2, parts: [Buffer.from('two')] }));
  expect(await snapshots.list('ledger-1')).toEqual([2, 1]);
  expect(Buffer.from((await snapshots.load('ledger-1', 2)) ?? []).toString()).toBe('two');
});

test('one that a kill broke off half-way is not there: whoever starts next has the one before, and saves its own', async () => {
  const folder = freshFolder();
  const killed = await openFileSnapshots(folder);
  await killed.save('ledger-1', () => ({ revision: 1, parts: [Buffer.from('one')] }));
  const half = new Promise<void>((reached) => {
    async function* parts(): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(1_000_000, 'x');
      reached(); // the first part is in the file
      await new Promise(() => undefined); // and no more comes
    }
    killed.save('ledger-1', () => ({ revision: 2, parts: parts() })).catch(reached);
  });
  await half;
  expect(readdirSync(path.join(folder, 's-ledger-1'))).toContain('saving.tmp');
  const restarted = await openFileSnapshots(folder);
  expect(await restarted.list('ledger-1')).toEqual([1]);
  expect(Buffer.from((await restarted.load('ledger-1', 1)) ?? []).toString()).toBe('one');
  await restarted.save('ledger-1', () => ({ revision: 3, parts: [Buffer.from('three')] }));
  expect(await restarted.list('ledger-1')).toEqual([3, 1]);
  expect(Buffer.from((await restarted.load('ledger-1', 3)) ?? []).toString()).toBe('three');
});

test('a save that fails says so and leaves the next one alone', async () => {
  const folder = freshFolder();
  const snapshots = await openFileSnapshots(folder);
  writeFileSync(path.join(folder, 's-blocked'), 'a file where the folder would be');
  await expect(snapshots.save('blocked', () => ({ revision: 1, parts: [Buffer.from('x')] }))).rejects.toThrow();
  await snapshots.save('free', () => ({ revision: 1, parts: [Buffer.from('x')] }));
  expect(await snapshots.list('free')).toEqual([1]);
});
