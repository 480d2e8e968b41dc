import type { Log, Metrics, ReadDatabase } from '@drawdown/ports';
import { BackOff } from './back-off';
import type { ModelRun } from './model-run';
import { codeOf, UNDEFINED_TABLE } from './models';

/** Pauses while an index cannot be made; each try may read all of a large table. */
const RETRY_MS = { first: 200, longest: 60_000 };
/** SQLSTATEs that say the rows contradict the index (class 23, integrity constraint violation): time does not cure it. */
const CONTRADICTION = /^23/;

export interface IndexPorts {
  readonly database: ReadDatabase;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Makes the indexes of a model that is filled and does not answer yet, one statement after the other, so that what is
 * made stays made. Its followers pause: a table takes no rows while an index of it is made, and a batch that waits would
 * run into its limit. Resolves to whether they are made and the followers go on: not where the rows contradict one, which
 * halts the model, where its tables are gone, which its followers find out, or where it is stopped.
 */
export const makeIndexes = async <E>(
  ports: IndexPorts,
  statements: readonly string[],
  run: ModelRun<E>,
  stopping: AbortSignal,
): Promise<boolean> => {
  const began = performance.now();
  await run.pause();
  for (const statement of statements) {
    const outcome = await makeOne(ports, statement, run, stopping);
    if (outcome === 'gone') run.resume();
    if (outcome !== 'made') return false;
  }
  run.resume();
  const ms = Math.round(performance.now() - began);
  ports.log.info({ model: run.name, ms }, 'a read model that is being built has its indexes');
  return !run.isStopped;
};

/** Repeats until it is made, or there is no use in it. */
const makeOne = async <E>(
  { database, log, metrics }: IndexPorts,
  statement: string,
  run: ModelRun<E>,
  stopping: AbortSignal,
): Promise<'made' | 'contradicted' | 'gone' | 'stopped'> => {
  const backOff = new BackOff(RETRY_MS.first, RETRY_MS.longest);
  while (!run.isStopped) {
    try {
      await database.run(statement);
      run.recovered();
      return 'made';
    } catch (error) {
      if (codeOf(error) === UNDEFINED_TABLE) return 'gone';
      metrics.count('projection_errors_total', { projector: run.model.projector });
      const reason = `${run.name} is filled and does not answer, as an index of it cannot be made: ${whyOf(error)}`;
      if (CONTRADICTION.test(String(codeOf(error)))) {
        run.halt(reason);
        return 'contradicted';
      }
      log.warn({ model: run.name, error: whyOf(error) }, 'an index could not be made and is tried again');
      run.fail(reason);
      await backOff.pause(stopping);
    }
  }
  return 'stopped';
};

/** With the key that stands twice, where the server says it. */
const whyOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return 'detail' in error && typeof error.detail === 'string' ? `${error.message}: ${error.detail}` : error.message;
};
