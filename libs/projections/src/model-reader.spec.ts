import type { ReadProgress } from '@drawdown/delivery';
import { type Instant, positionOf } from '@drawdown/kernel';
import { DatabaseUnavailable, NO_METRICS, type Sql } from '@drawdown/ports';
import { ModelReader } from './model-reader';
import { ReadModelBehind } from './read-models';

/** FLT-41: well below the time for which a statement is waited for. */
const TOLD_MAX_MS = 4_000;
const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
const behind = (): Promise<never> => Promise.reject(new ReadModelBehind('it is at 3'));
const progress: ReadProgress = { serving: behind, reached: behind, lost: () => undefined };

const NOW = '2026-01-01T00:00:00.000000Z' as Instant;
const question = () => ({ sql: 'SELECT 1', parameters: [] });

let waits: string[];
beforeEach(() => (waits = []));
const metrics = {
  ...NO_METRICS,
  count: (name: string, labels: Readonly<Record<string, string>> = {}) => waits.push(`${name} ${labels['outcome']}`),
};

const read = (database: Sql): Promise<unknown> =>
  new ModelReader(
    database,
    progress,
    () => 0,
    metrics,
    async () => undefined,
  ).askAll('balances', positionOf(0, 4), NOW, question);

describe('a position that is not reached', () => {
  test('is behind where the database answers', async () => {
    await expect(read({ query: async () => [] })).rejects.toBeInstanceOf(ReadModelBehind);
    expect(waits).toEqual(['read_waits_total behind']);
  });

  test.each([
    ['refuses', () => Promise.reject(new DatabaseUnavailable('gone'))],
    ['does not answer at all', never],
  ])('FLT-41: is unavailable, soon, where the database %s', async (_, query) => {
    const from = performance.now();
    await expect(read({ query })).rejects.toBeInstanceOf(DatabaseUnavailable);
    expect(performance.now() - from).toBeLessThan(TOLD_MAX_MS);
    expect(waits).toEqual(['read_waits_total unavailable']);
  });
});
