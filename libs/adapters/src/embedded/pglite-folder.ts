/** Whether the folder of a PGlite database can be trusted, and how it is kept and thrown away. */
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/** Room that a cluster needs to start or to be made (40 MB and the log); with less, a failed start says nothing about the folder. */
const SPACE_MIN_BYTES = 96 * 1024 * 1024;

/** `creating`: not completely made. `open`: in use. `closed`: forced to disk after the last write. */
interface Mark {
  readonly state: 'creating' | 'open' | 'closed';
  readonly boot: string;
}

export const clusterOf = (folder: string): string => path.join(folder, 'cluster');
const markOf = (folder: string): string => path.join(folder, 'state.json');

/**
 * `new` (nothing there), `usable`, or why it must be thrown away. PGlite never forces anything to disk: after a process
 * was killed the kernel still has all it wrote, after the machine stopped any part may be missing, which no start
 * notices (a truncated table just has fewer rows). So a folder that was open when the machine stopped is not used.
 */
export const stateOf = (folder: string): 'new' | 'usable' | { readonly useless: string } => {
  if (!fs.existsSync(clusterOf(folder))) return 'new';
  const mark = readMark(folder);
  if (mark === undefined || mark.state === 'creating') return { useless: 'it was not completely made' };
  if (mark.state === 'open' && mark.boot !== BOOT) return { useless: 'the machine stopped while it was open' };
  return 'usable';
};

/** Writes down the state, durably: it holds before what it announces begins. */
export const markAs = (folder: string, state: Mark['state']): void => {
  fs.mkdirSync(folder, { recursive: true });
  const temporary = `${markOf(folder)}.new`;
  fs.writeFileSync(temporary, JSON.stringify({ state, boot: BOOT } satisfies Mark));
  force(temporary);
  fs.renameSync(temporary, markOf(folder));
  force(folder);
};

/** Forces everything in the cluster to disk, then says so. */
export const markClosed = (folder: string): void => {
  forceAll(clusterOf(folder));
  markAs(folder, 'closed');
};

export const throwAway = (folder: string): void => fs.rmSync(clusterOf(folder), { recursive: true, force: true });

export const hasSpace = (folder: string): boolean => {
  const { bavail, bsize } = fs.statfsSync(folder);
  return bavail * bsize >= SPACE_MIN_BYTES;
};

/** Names this run of the machine; where it cannot be known, no two processes share one, which is on the safe side. */
const BOOT = ((): string => {
  const file = '/proc/sys/kernel/random/boot_id';
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : randomUUID();
})();

const readMark = (folder: string): Mark | undefined => {
  if (!fs.existsSync(markOf(folder))) return undefined;
  const text = fs.readFileSync(markOf(folder), 'utf8');
  return /^\{"state":"(creating|open|closed)","boot":"[^"]*"\}$/.test(text) ? (JSON.parse(text) as Mark) : undefined;
};

const forceAll = (folder: string): void => {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) forceAll(name);
    else force(name);
  }
  force(folder);
};

const force = (name: string): void => {
  const handle = fs.openSync(name, 'r');
  try {
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
};
