import { type Log, NO_LOG, type ReadDatabase } from '@drawdown/ports';
import { RevivedThread } from '../revived-thread';
import { threadFile } from '../thread';
import type { ThreadData } from './pglite-database.thread';
import type { PgliteCalls } from './pglite-desk';
import { PgliteLine } from './pglite-line';

export interface PgliteOptions {
  readonly log?: Log;
  /**
   * Told when the database turned out empty though it had been filled: its folder could not be trusted and was thrown
   * away, or the thread of one in memory died. Its tables are gone; what is in them follows from the log.
   */
  readonly onEmptied?: (reason: string) => void;
}

/**
 * PostgreSQL inside this process (PGlite), in its own thread, kept in `folder` or, without one, in memory. Nothing is
 * forced to disk before it is closed: after a kill all is there, after a power loss the folder is thrown away. Two
 * processes must not open one folder; nothing here prevents it.
 */
export const openPgliteDatabase = async (
  folder: string | undefined,
  { log = NO_LOG, onEmptied }: PgliteOptions = {},
): Promise<ReadDatabase> => {
  const data: ThreadData = { folder };
  const thread = new RevivedThread<PgliteCalls>(threadFile(__dirname, 'pglite-database.thread'), data, {
    ...{ what: 'the embedded read database', log },
    begin: async (started, starts) => {
      const thrownAway = await started.call('started', null);
      const lost = folder === undefined && starts > 1 ? 'it was in memory, and its thread died' : thrownAway;
      if (lost === undefined) return;
      log.error({ folder, reason: lost }, EMPTIED);
      onEmptied?.(lost);
    },
  });
  await thread.start();
  return new PgliteLine(thread, log);
};

/** What the log says of it. */
export const EMPTIED = 'the read database was thrown away and is empty';
