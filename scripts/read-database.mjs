/** An empty embedded database, which the first start of an installation copies: making one takes seconds. */
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, readdirSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Worker } from 'node:worker_threads';

const root = path.resolve(import.meta.dirname, '..');
const PREPARED = path.join(root, 'dist/prepared');
const MAKER = path.join(root, 'dist/libs/adapters/src/embedded/pglite-cluster.thread.js');
const PGLITE = path.join(root, 'node_modules/@electric-sql/pglite/package.json');

/**
 * Makes `dist/prepared/pglite-VERSION` where it is not there. Appears by rename, so that of two builds the first that is
 * done stays. Without it the program makes its own (libs/adapters, pglite-prepared.ts): a failure is said, and is none.
 */
export async function prepareReadDatabase({ quiet }) {
  const { version } = JSON.parse(await readFile(PGLITE, 'utf8'));
  const prepared = path.join(PREPARED, `pglite-${version}`);
  if (existsSync(prepared)) return;
  const started = performance.now();
  let own;
  try {
    await mkdir(PREPARED, { recursive: true });
    own = await mkdtemp(path.join(PREPARED, 'making-'));
    await makeCluster(path.join(own, 'cluster'));
    makeReadable(own);
    await rename(path.join(own, 'cluster'), prepared);
    if (!quiet) console.log(`build: read database prepared (${Math.round(performance.now() - started)} ms)`);
  } catch (error) {
    if (!existsSync(prepared)) console.warn(`build: no read database was prepared, the first start makes it: ${error}`);
  } finally {
    if (own !== undefined) await rm(own, { recursive: true, force: true });
  }
}

function makeCluster(cluster) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(MAKER, { workerData: { cluster } });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('its thread ended')));
  });
}

/**
 * Whoever runs the program, which may not be who built it, copies it; nobody changes it. Forced to disk, for it is never
 * made again: what a machine lost when it stopped would fail every first start.
 */
function makeReadable(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) makeReadable(name);
    else {
      chmodSync(name, (statSync(name).mode & 0o700) | 0o644);
      force(name);
    }
  }
  force(folder);
}

function force(name) {
  const handle = openSync(name, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
