/** Makes a PGlite cluster and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { crash } from '../serve-thread';
import { startPglite } from './pglite-session';

/** Nobody makes another database here: without them a cluster is 370 files to copy and to force to disk instead of 970. */
const DROP_TEMPLATES = [
  'UPDATE pg_database SET datistemplate = false WHERE datistemplate',
  'DROP DATABASE template0',
  'DROP DATABASE template1',
];

const make = async ({ cluster }: { readonly cluster: string }): Promise<void> => {
  const db = await startPglite(cluster);
  for (const statement of DROP_TEMPLATES) await db.query(statement);
  await db.query('CHECKPOINT');
  await db.close();
  parentPort?.postMessage('made');
};

make(workerData as { readonly cluster: string }).catch(crash);
