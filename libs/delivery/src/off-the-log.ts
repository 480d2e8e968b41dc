import type { FeedSource } from './batch';
import type { Checkpoint } from './models';

/** Where a projector stops for good, and why. */
export interface Halt {
  readonly revision: number;
  readonly type: string | null;
  readonly reason: string;
}

/** What was given to read models as an event of the log is another one there. What has come of it does not go away by itself. */
export class NotOfTheLog extends Error {
  readonly code = 'not_of_the_log';
  constructor(
    stream: string,
    readonly revision: number,
  ) {
    super(
      `${stream}: what was read as revision ${String(revision)} is not the log’s: somebody else has written it into the ` +
        `topic of the ledger. ${DO}`,
    );
  }
}

/** Where to look for what to do. */
const DO = 'It shows facts that do not exist; see deploy/README.md, "After a restore that lost events"';

/**
 * Rows that stand where this log never was: it was restored from a backup that had lost what is in them, or is another
 * one. To go on would keep facts that do not exist, and leave out those that stand in their place by now. The revision
 * alone does not tell, once the log has grown past it again; rows of a release that kept nothing else are compared by that.
 */
export const offTheLog = async (
  { store, stream }: Pick<FeedSource<unknown>, 'store' | 'stream'>,
  { revision, eventId }: Checkpoint,
): Promise<Halt | undefined> => {
  if (revision < 0) return undefined;
  const [stored] = await store.read(stream, revision, 1);
  if (stored !== undefined && (eventId === null || stored.id === eventId)) return undefined;
  const has = stored === undefined ? 'the log ends before that' : 'the log has another event there';
  const stands = `${stream}: the read model stands at revision ${String(revision)}, and ${has}`;
  const reason = `${stands}. ${DO}`;
  return { revision, type: stored?.type ?? null, reason };
};
