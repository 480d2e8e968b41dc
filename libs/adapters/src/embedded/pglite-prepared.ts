/** Where a PGlite cluster comes from: copied from the one that the build made, or made anew. */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { threadFile } from '../thread';

/** PGlite does not export its package.json by name. */
const PGLITE = path.resolve(path.dirname(createRequire(__filename).resolve('@electric-sql/pglite')), '../package.json');

/**
 * The cluster that `npm run build` makes (scripts/read-database.mjs), by the version of PGlite that made it. PGlite's
 * `initdb` takes seconds of both processors at a first start, a copy a tenth of one.
 */
export const preparedCluster = (): string | null => {
  const { version } = JSON.parse(fs.readFileSync(PGLITE, 'utf8')) as { readonly version: string };
  const dist = path.resolve(threadFile(__dirname, 'pglite-cluster.thread'), '../../../../..');
  const prepared = path.join(dist, 'prepared', `pglite-${version}`);
  return fs.existsSync(prepared) ? prepared : null;
};

/** Makes `cluster`, which must not be there: empty, and closed in order. */
export const makeCluster = async (cluster: string, prepared = preparedCluster()): Promise<void> => {
  if (prepared === null) await initdb(cluster);
  else fs.cpSync(prepared, cluster, { recursive: true });
};

/** In a thread of its own, whose end gives back the 600 MB that PGlite's `initdb` takes and keeps. */
const initdb = (cluster: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(threadFile(__dirname, 'pglite-cluster.thread'), { workerData: { cluster } });
    let made = false;
    worker.on('message', () => (made = true));
    worker.on('error', reject);
    worker.on('exit', () => (made ? resolve() : reject(new Error(`no database could be made in ${cluster}`))));
  });
