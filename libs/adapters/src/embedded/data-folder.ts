import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import Database from 'libsql';
import { makeFolder } from './make-folder';

/** Who holds a data folder; for people, the lock itself is another file. */
export interface FolderHolder {
  readonly pid: number;
  readonly host: string;
  readonly startedAt: string;
}

/** Another process works in the folder. Two would write over each other, and PGlite would not even notice. */
export class DataFolderInUse extends Error {
  readonly code = 'data_folder_in_use';
  constructor(
    readonly folder: string,
    /** Not known where it has only just claimed the folder. */
    readonly holder: FolderHolder | undefined,
  ) {
    const who = holder
      ? `process ${String(holder.pid)} on ${holder.host}, since ${holder.startedAt}`
      : 'another process that has just started';
    super(`The data folder ${folder} is in use by ${who}. Stop that process first, or choose another data folder.`);
  }
}

/** Nothing can be kept in the folder. The message says why, and what to do. */
export class DataFolderUnusable extends Error {
  readonly code = 'data_folder_unusable';
  constructor(
    readonly folder: string,
    options: { readonly cause: unknown },
  ) {
    super(`the data folder ${folder} ${whyUnusable(options.cause)}; choose another folder by DRAWDOWN_DATA`, options);
  }
}

const whyUnusable = (cause: unknown): string => {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'EEXIST' || code === 'ENOTDIR') return 'is a file, or lies in one';
  if (code === 'EACCES' || code === 'EPERM') return 'is not for this process to write: give it the right to';
  return `cannot be written: ${message}`;
};

export interface DataFolderClaim {
  /** Gives the folder back. Close what works in it first. */
  release(): Promise<void>;
}

// A lock ends with its connection, and a connection with its last reference: this one is for callers who keep none.
const held = new Set<Database.Database>();

/**
 * Claims the folder for this process, and makes it where it does not exist. The lock is the operating system's: it ends
 * with the process, however that ends. Rejects with {@link DataFolderInUse} and {@link DataFolderUnusable}.
 *
 * `folder.lock` is not for reading: a process that opens and closes it by other means than SQLite loses its lock (POSIX).
 */
export const claimDataFolder = async (folder: string): Promise<DataFolderClaim> => {
  const absolute = path.resolve(folder);
  const lock = await openLock(absolute);
  const holderFile = path.join(absolute, 'holder.json');
  try {
    lock.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw new DataFolderInUse(absolute, await readHolder(holderFile));
  }
  held.add(lock);
  const release = async (): Promise<void> => {
    if (!held.delete(lock)) return;
    await rm(holderFile, { force: true }); // while it is ours: afterwards it may be the next one's
    lock.exec('ROLLBACK');
    lock.close();
  };
  try {
    await writeHolder(holderFile, { pid: process.pid, host: os.hostname(), startedAt: new Date().toISOString() });
  } catch (error) {
    await release().catch(() => undefined); // for the same reason, which is told
    throw new DataFolderUnusable(absolute, { cause: error });
  }
  return { release };
};

const openLock = async (folder: string): Promise<Database.Database> => {
  try {
    await makeFolder(folder);
    return new Database(path.join(folder, 'folder.lock'));
  } catch (error) {
    throw new DataFolderUnusable(folder, { cause: error });
  }
};

const isBusy = (error: unknown): boolean => /^SQLITE_BUSY/.test(String((error as { readonly code?: unknown }).code));

/** By rename, so that nobody reads half of it. */
const writeHolder = async (file: string, holder: FolderHolder): Promise<void> => {
  const temporary = `${file}.tmp`;
  await writeFile(temporary, `${JSON.stringify(holder, undefined, 2)}\n`);
  await rename(temporary, file);
};

const readHolder = async (file: string): Promise<FolderHolder | undefined> => {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as FolderHolder;
  } catch (error) {
    // Not written yet, or damaged: whoever holds the folder, that it is held is what matters.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};
