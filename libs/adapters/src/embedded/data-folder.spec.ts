import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadFile } from '../thread';
import { claimDataFolder, DataFolderInUse, DataFolderUnusable } from './data-folder';
import { folders } from './testing/folders';

const freshFolder = folders();
const holderProgram = threadFile(path.join(__dirname, 'testing'), 'holder');

/** Starts a process that claims the folder; resolves with what it says. */
const startHolder = async (folder: string): Promise<[ChildProcess, string]> => {
  const holder = spawn(process.execPath, [holderProgram, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [said] = (await once(holder.stdout, 'data')) as [Buffer];
  return [holder, said.toString()];
};

test('a folder that is made is its owner’s alone, and so are those above it', async () => {
  const above = path.join(freshFolder(), 'above');
  const claimed = await claimDataFolder(path.join(above, 'data'));
  for (const folder of [above, path.join(above, 'data')]) expect(statSync(folder).mode & 0o777).toBe(0o700);
  await claimed.release();
});

test('a folder belongs to one process; the next is told whose it is and what to do', async () => {
  const folder = freshFolder();
  const [holder, said] = await startHolder(folder);
  expect(said).toBe('claimed\n');

  const error: unknown = await claimDataFolder(folder).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DataFolderInUse);
  expect(error).toMatchObject({ code: 'data_folder_in_use', holder: { pid: holder.pid } });
  expect((error as Error).message).toContain(`is in use by process ${String(holder.pid)} on `);
  expect((error as Error).message).toContain('Stop that process first, or choose another data folder.');

  const [, saidOther] = await startHolder(folder);
  expect(saidOther).toContain(`is in use by process ${String(holder.pid)} on `);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
});

test.each([[], ['below']])(
  'a folder that is a file, or lies in one (%s), is refused with what to do',
  async (...below) => {
    const file = path.join(freshFolder(), 'file');
    writeFileSync(file, 'kept');
    const refused: unknown = await claimDataFolder(path.join(file, ...below)).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(DataFolderUnusable);
    expect(refused).toMatchObject({
      message: `the data folder ${path.join(file, ...below)} is a file, or lies in one; choose another folder by DRAWDOWN_DATA`,
    });
    expect(readFileSync(file, 'utf8')).toBe('kept');
  },
);

test('a folder that cannot be made where it should be is refused, not waited for', async () => {
  const folder = '/proc/nothing/below';
  const refused: unknown = await claimDataFolder(folder).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(DataFolderUnusable);
  expect(String(refused)).toMatch(
    /the data folder \/proc\/nothing\/below (cannot be written|is not for).*DRAWDOWN_DATA$/,
  );
});

test('a folder is free as soon as its process is gone, however it ended', async () => {
  const folder = freshFolder();
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGKILL'] as const) {
    const [holder, said] = await startHolder(folder);
    expect(said).toBe('claimed\n');
    await expect(claimDataFolder(folder)).rejects.toBeInstanceOf(DataFolderInUse);
    holder.kill(signal);
    await once(holder, 'exit');
    const claim = await claimDataFolder(folder); // at the first try
    await claim.release();
  }
});

test('a folder is claimed once in a process too, until it is released', async () => {
  const folder = path.join(freshFolder(), 'made', 'on the way');
  const claim = await claimDataFolder(folder);
  const holder = JSON.parse(readFileSync(path.join(folder, 'holder.json'), 'utf8')) as { pid: number };
  expect(holder.pid).toBe(process.pid);
  await expect(claimDataFolder(path.join(folder, '..', 'on the way'))).rejects.toMatchObject({ holder });
  const [, said] = await startHolder(folder);
  expect(said).toContain(`is in use by process ${String(process.pid)} on `);

  await claim.release();
  await claim.release();
  const next = await claimDataFolder(folder);
  await claim.release(); // of no effect on the next claim
  await expect(claimDataFolder(folder)).rejects.toBeInstanceOf(DataFolderInUse);
  await next.release();
});

test('a claim to which nobody keeps a reference holds', async () => {
  const folder = freshFolder();
  await claimDataFolder(folder);
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await nextTurn(); // finalizers run in a turn of their own
  }
  const [, said] = await startHolder(folder);
  expect(said).toContain(`is in use by process ${String(process.pid)} on `);
});

test('a holder.json that cannot be read changes the message only', async () => {
  const folder = freshFolder();
  const claim = await claimDataFolder(folder);
  writeFileSync(path.join(folder, 'holder.json'), '{"pid": 1');
  await expect(claimDataFolder(folder)).rejects.toThrow('is in use by another process');
  await claim.release();
  writeFileSync(path.join(folder, 'holder.json'), '{"pid": 1'); // left by a crash
  await (await claimDataFolder(folder)).release();
});
