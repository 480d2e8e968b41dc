import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Names the store on a server that a data folder goes with; what is embedded has its log in the folder itself. */
const FILE = 'store.json';
const EMBEDDED_LOG = 'events.db';

/**
 * The data folder goes with another log than the one that is set: its read models would show the other one's facts, and
 * an empty log in place of a full one would look as if everything were lost.
 */
export class FolderOfAnotherStore extends Error {
  readonly code = 'folder_of_another_store';
}

/** Before an embedded log is opened. Throws {@link FolderOfAnotherStore}. */
export const checkEmbedsLog = async (folder: string): Promise<void> => {
  const storeId = await storeIdIn(folder);
  if (storeId === undefined) return;
  throw new FolderOfAnotherStore(
    `the data folder ${path.resolve(folder)} belongs to the store ${storeId} on an EventStoreDB; set EVENTSTORE_URL, or ` +
      'choose another folder by DRAWDOWN_DATA',
  );
};

/** Before anything of the folder is used with a store on a server, which it goes with from then on. Throws as above. */
export const checkGoesWith = async (folder: string, storeId: string): Promise<void> => {
  const absolute = path.resolve(folder);
  const another = 'choose another folder by DRAWDOWN_DATA';
  if (await isThere(path.join(folder, EMBEDDED_LOG))) {
    const what = `the data folder ${absolute} has a log of its own (${EMBEDDED_LOG}), which EVENTSTORE_URL would hide`;
    throw new FolderOfAnotherStore(`${what}; ${another}, or do without EVENTSTORE_URL`);
  }
  const known = await storeIdIn(folder);
  if (known === undefined) {
    await writeFile(path.join(folder, FILE), `${JSON.stringify({ store_id: storeId })}\n`);
  } else if (known !== storeId) {
    const which = `belongs to the store ${known}, at EVENTSTORE_URL is the store ${storeId}`;
    throw new FolderOfAnotherStore(`the data folder ${absolute} ${which}; ${another}`);
  }
};

/** Half a file, of a start that was killed, names nobody. */
const storeIdIn = async (folder: string): Promise<string | undefined> => {
  const text = await textOf(path.join(folder, FILE));
  return /"store_id":"([^"]+)"\}/.exec(text ?? '')?.[1];
};

const textOf = async (file: string): Promise<string | undefined> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

/** Without opening it: a file that a process works in by SQLite must not be opened by other means. */
const isThere = async (file: string): Promise<boolean> => {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
};
