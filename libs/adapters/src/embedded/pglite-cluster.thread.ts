/** Makes a PGlite cluster and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { crash } from '../serve-thread';
import { startPglite } from './pglite-session';

const make = async ({ cluster }: { readonly cluster: string }): Promise<void> => {
  const db = await startPglite(cluster);
  await db.close();
  parentPort?.postMessage('made');
};

make(workerData as { readonly cluster: string }).catch(crash);
