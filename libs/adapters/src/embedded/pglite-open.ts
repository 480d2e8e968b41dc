/** Opens PGlite in this very thread, which it will block: it is synchronous. Not for the main thread. */
import { PgliteDesk } from './pglite-desk';
import { clusterOf, hasSpace, markAs, markClosed, stateOf, throwAway } from './pglite-folder';
import { makeCluster } from './pglite-prepared';
import { PgliteSession, startPglite } from './pglite-session';

export interface OpenedPglite {
  readonly desk: PgliteDesk;
  readonly close: () => Promise<void>;
}

/** In `folder`, or in memory. `onBroken` is told once the engine has stopped working: end the thread then, nothing answers. */
export const openPglite = async (
  folder: string | undefined,
  onBroken: (error: unknown) => void,
): Promise<OpenedPglite> => {
  if (folder === undefined) {
    const session = new PgliteSession(await startPglite(undefined), onBroken);
    return { desk: new PgliteDesk(session, undefined, onBroken), close: () => session.close() };
  }
  const { session, thrownAway } = await openFolder(folder, onBroken);
  const close = async (): Promise<void> => {
    await session.run('CHECKPOINT');
    await session.close();
    markClosed(folder);
  };
  return { desk: new PgliteDesk(session, thrownAway, onBroken), close };
};

const openFolder = async (
  folder: string,
  onBroken: (error: unknown) => void,
): Promise<{ session: PgliteSession; thrownAway: string | undefined }> => {
  const state = stateOf(folder);
  let useless = typeof state === 'object' ? state.useless : undefined;
  if (state === 'usable') {
    markAs(folder, 'open');
    try {
      return { session: new PgliteSession(await startPglite(clusterOf(folder)), onBroken), thrownAway: undefined };
    } catch (error) {
      if (!hasSpace(folder)) throw error;
      useless = `it could not be opened: ${String(error)}`;
    }
  }
  markAs(folder, 'creating');
  throwAway(folder);
  if (!hasSpace(folder)) throw new Error(`${folder}: there is not enough space for a database`);
  await makeCluster(clusterOf(folder));
  const session = new PgliteSession(await startPglite(clusterOf(folder)), onBroken);
  markAs(folder, 'open');
  return { session, thrownAway: useless };
};
