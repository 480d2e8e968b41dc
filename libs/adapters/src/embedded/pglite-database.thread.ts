/** The thread of an embedded read database that nothing else shares. */
import { crash, serveThread } from '../serve-thread';
import type { PgliteCalls } from './pglite-desk';
import { openPglite } from './pglite-open';

export interface ThreadData {
  /** Where the database is kept; in memory without it. */
  readonly folder: string | undefined;
}

serveThread<PgliteCalls, ThreadData>(async ({ folder }) => {
  const { desk, close } = await openPglite(folder, crash);
  return { calls: desk, close };
});
