import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checkEmbedsLog, checkGoesWith, FolderOfAnotherStore } from './folder-store';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-folder-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a data folder goes with the first store on a server that it was used with, and with no other', async () => {
  await checkGoesWith(folder, 'one');
  await checkGoesWith(folder, 'one');
  await expect(checkGoesWith(folder, 'two')).rejects.toThrow(FolderOfAnotherStore);
  await expect(checkGoesWith(folder, 'two')).rejects.toThrow(/belongs to the store one, .* is the store two/);
  await checkGoesWith(folder, 'one');
});

test('a folder that went with a server gets no empty log of its own', async () => {
  await checkEmbedsLog(folder);
  await checkGoesWith(folder, 'one');
  await expect(checkEmbedsLog(folder)).rejects.toThrow(/set EVENTSTORE_URL/);
});

test('a folder with a log of its own is not used with a server, which would hide that log', async () => {
  writeFileSync(path.join(folder, 'events.db'), '');
  await expect(checkGoesWith(folder, 'one')).rejects.toThrow(/has a log of its own/);
  expect(readdirSync(folder)).toEqual(['events.db']);
  await checkEmbedsLog(folder);
});

test('half a file, of a start that was killed, names nobody and is written again', async () => {
  writeFileSync(path.join(folder, 'store.json'), '{"store_id":"on');
  await checkEmbedsLog(folder);
  await checkGoesWith(folder, 'one');
  await expect(checkEmbedsLog(folder)).rejects.toThrow(FolderOfAnotherStore);
});
