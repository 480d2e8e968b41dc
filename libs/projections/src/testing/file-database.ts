import type { ReadDatabase } from '@drawdown/ports';
import { stopAll } from './projected';

/** The read database that `open` gives, for all tests of the file; before it is closed, what they left running is stopped. */
export const fileDatabase = (open: () => Promise<ReadDatabase>): ReadDatabase => {
  let opened: ReadDatabase | undefined;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(async () => {
    await stopAll();
    await opened?.close();
  });
  const database = (): ReadDatabase => {
    if (opened === undefined) throw new Error('the database is opened before the first test, not before that');
    return opened;
  };
  return {
    query: (statement, parameters) => database().query(statement, parameters),
    transaction: (work) => database().transaction(work),
    run: (script) => database().run(script),
    close: () => database().close(),
  };
};
