/** A data folder whose space can be taken away and given back while a server works in it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const SIZE_BYTES = 512 * 1024 * 1024;
/** What a full disk still has: a few pages. */
const LEFT_BYTES = 64 * 1024;
const TAKES_MAX = 50;
/** With the limit on files instead of a small disk: every file of the server's is longer than that after some load. */
const FILE_MAX_BYTES = 512 * 1024;

export interface Room {
  /** For the server's data. */
  readonly folder: string;
  take(pid: number): void;
  give(pid: number): void;
  remove(): void;
}

/** A limit on the size of the server's files. */
export const shortFiles = (parent: string): Room => {
  const limit = (pid: number, bytes: string): void => {
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
  };
  return {
    folder: parent,
    take: (pid) => limit(pid, String(FILE_MAX_BYTES)),
    give: (pid) => limit(pid, 'unlimited'),
    remove: () => undefined,
  };
};

/** It is not allowed here, and nothing that a test could be corrected for. */
class MayNotMount extends Error {}

/** A disk of its own (tmpfs), where {@link mayMountDisk}. */
export const smallDisk = (parent: string): Room => {
  const folder = path.join(parent, 'disk');
  mkdirSync(folder);
  mount(folder);
  const resize = (bytes: number): void => {
    execFileSync('mount', ['-o', `remount,size=${String(bytes)}`, folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  };
  return {
    folder,
    take: () => takeAll(folder, resize),
    give: () => resize(SIZE_BYTES),
    remove: () => void execFileSync('umount', ['-l', folder]),
  };
};

/** Whether this process may mount one; where it may not, it is said aloud why `what` is not tested. */
export const mayMountDisk = (what: string): boolean => {
  const parent = mkdtempSync(path.join(tmpdir(), 'drawdown-mount-'));
  try {
    smallDisk(parent).remove();
    return true;
  } catch (error) {
    if (!(error instanceof MayNotMount)) throw error;
    process.stdout.write(`SKIPPED: ${what}: ${error.message}\n`);
    return false;
  } finally {
    rmSync(parent, { recursive: true, force: true });
  }
};

/** The server writes on meanwhile, and a disk does not become smaller than what lies on it: then it is tried again. */
const takeAll = (folder: string, resize: (bytes: number) => void): void => {
  for (let attempt = 1; ; attempt++) {
    const { blocks, bfree, bsize } = statfsSync(folder);
    try {
      resize((blocks - bfree) * bsize + LEFT_BYTES);
      return;
    } catch (error) {
      if (attempt === TAKES_MAX) throw error;
    }
  }
};

/** Throws {@link MayNotMount} where it is not allowed; any other failure is one. */
const mount = (folder: string): void => {
  if (process.platform !== 'linux') throw new MayNotMount('it needs Linux, to mount a disk of a size');
  if (process.getuid?.() !== 0) throw new MayNotMount('only root may mount the small disk that it needs');
  const words = ['-t', 'tmpfs', '-o', `size=${String(SIZE_BYTES)}`, 'drawdown-room', folder];
  const { status, stderr, error } = spawnSync('mount', words, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  if (status === 0) return;
  const said = error?.message ?? stderr.trim();
  if (/permission denied|not permitted/i.test(said)) throw new MayNotMount(`this container may not mount: ${said}`);
  throw new Error(`the small disk cannot be mounted: ${said}`);
};
