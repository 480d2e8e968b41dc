/** The thread of the embedded read database. PGlite is synchronous: it would stop the event loop of whoever runs it. */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { serveThread } from '../thread';
import { type PgliteCalls, PgliteDesk } from './pglite-desk';
import { clusterOf, hasSpace, markAs, markClosed, stateOf, throwAway } from './pglite-folder';
import { PgliteSession, startPglite } from './pglite-session';

export interface ThreadData {
  /** Where the database is kept; in memory without it. */
  readonly folder: string | undefined;
}

/** Thrown outside of any promise: ends the thread, and the other side is told why. */
const crash = (error: unknown): void => {
  setImmediate(() => {
    throw error;
  });
};

const openDatabase = async ({ folder }: ThreadData): Promise<{ calls: PgliteCalls; close: () => Promise<void> }> => {
  if (folder === undefined) {
    const session = new PgliteSession(await startPglite(undefined), crash);
    return { calls: new PgliteDesk(session, undefined, crash), close: () => session.close() };
  }
  const { session, thrownAway } = await openFolder(folder);
  const close = async (): Promise<void> => {
    await session.run('CHECKPOINT');
    await session.close();
    markClosed(folder);
  };
  return { calls: new PgliteDesk(session, thrownAway, crash), close };
};

const openFolder = async (folder: string): Promise<{ session: PgliteSession; thrownAway: string | undefined }> => {
  const state = stateOf(folder);
  let useless = typeof state === 'object' ? state.useless : undefined;
  if (state === 'usable') {
    markAs(folder, 'open');
    try {
      return { session: new PgliteSession(await startPglite(clusterOf(folder)), crash), thrownAway: undefined };
    } catch (error) {
      if (!hasSpace(folder)) throw error;
      useless = `it could not be opened: ${String(error)}`;
    }
  }
  markAs(folder, 'creating');
  throwAway(folder);
  if (!hasSpace(folder)) throw new Error(`${folder}: there is not enough space for a database`);
  await makeCluster(clusterOf(folder));
  const session = new PgliteSession(await startPglite(clusterOf(folder)), crash);
  markAs(folder, 'open');
  return { session, thrownAway: useless };
};

/** Makes the cluster in a thread of its own, whose end gives back the 600 MB that PGlite's `initdb` takes and keeps. */
const makeCluster = (cluster: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(__filename, { workerData: { cluster } });
    let made = false;
    worker.on('message', () => (made = true));
    worker.on('error', reject);
    worker.on('exit', () => (made ? resolve() : reject(new Error(`no database could be made in ${cluster}`))));
  });

const serveMaking = async (cluster: string): Promise<void> => {
  const db = await startPglite(cluster);
  await db.close();
  parentPort?.postMessage('made');
};

if (isMainThread) throw new Error('this is the main file of a worker thread');
const data = workerData as ThreadData | { readonly cluster: string };
if ('cluster' in data) serveMaking(data.cluster).catch(crash);
else serveThread<PgliteCalls, ThreadData>(openDatabase);
