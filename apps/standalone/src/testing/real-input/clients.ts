import { repeated } from '../load/audit';
import { checkBooks, failuresOf, type Load, outcomes, startLoad } from '../load/scene';
import { Seeded } from '../seeded';
import { say } from './say';

const CLIENTS = 4;
/** So that what is killed meanwhile has something left of the machine. */
const REST_MS = 150;
/** Operations that are sent once more at the end; all of them would take too long. */
const REPEATED = 100;

/** A request that ended with its process, or that was told to come again: nothing else may happen to a client. */
const HARMLESS = /^status 503 unavailable$|^TypeError: (fetch failed|terminated): (ECONN|UND_ERR_SOCKET|EPIPE)/;

/** People and services who speak to the API while the files' usage comes in, about organizations of their own. */
export const startClients = (url: string, folder: string, { seed }: Seeded): Promise<Load> =>
  startLoad(url, folder, CLIENTS, { seeded: new Seeded(seed), restMs: REST_MS });

/** Waits for their last answers, and compares all that they were told with what is shown: nothing is lost, nothing doubled. */
export const auditClients = async (url: string, { generator, journal }: Load): Promise<void> => {
  await generator.stop();
  const journaled = journal.read();
  const failures = failuresOf(journaled);
  say(`clients: ${String(journaled.length)} operations: ${outcomes(journaled)}`);
  say(`clients were told to come again: ${JSON.stringify(Object.fromEntries(failures))}`);
  expect([...failures.keys()].filter((reason) => !HARMLESS.test(reason))).toEqual([]);
  expect(await repeated(url, journaled.slice(-REPEATED))).toEqual([]);
  await checkBooks(url, journaled);
};
