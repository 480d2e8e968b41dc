import { DatabaseUnavailable, type Log, type ReadDatabase, type Row } from '@drawdown/ports';
import type { PgliteDesk } from './pglite-desk';
import { type DeskConnection, PgliteLine } from './pglite-line';
import { openPglite } from './pglite-open';

/** An embedded read database in this very thread: what works beside it sends no parameter across threads. */
export interface PgliteHere {
  readonly database: ReadDatabase;
  /** Why the folder was thrown away at this start, where it was. */
  readonly thrownAway: string | undefined;
  /** A question from outside, with parameters in text form; goes before transactions that wait. */
  readonly ask: (statement: string, parameters: readonly (string | null)[]) => Promise<Row[]>;
}

/** Blocks this thread while it works. `onBroken` is told once the engine has stopped: end the thread then. */
export const openPgliteHere = async (
  folder: string | undefined,
  log: Log,
  onBroken: (error: unknown) => void,
): Promise<PgliteHere> => {
  const { desk, close } = await openPglite(folder, onBroken);
  return {
    database: new PgliteLine(connectionTo(desk, close), log),
    thrownAway: desk.started(),
    ask: (statement, parameters) => desk.ask({ statement, parameters }),
  };
};

const connectionTo = (desk: PgliteDesk, close: () => Promise<void>): DeskConnection => {
  let closing: Promise<void> | undefined;
  const refuseUnlessUp = (): void => {
    if (closing !== undefined) throw new DatabaseUnavailable('the embedded read database is closed');
  };
  const callWhileClosing = (async (name: keyof PgliteDesk, argument: never): Promise<unknown> => {
    const handler = desk[name] as (argument: never) => unknown;
    return handler(argument);
  }) as DeskConnection['call'];
  return {
    refuseUnlessUp,
    callWhileClosing,
    get isUp() {
      return closing === undefined;
    },
    call: (name, argument) => {
      refuseUnlessUp();
      return callWhileClosing(name, argument);
    },
    close: (others) => (closing ??= others().then(close)),
  };
};
