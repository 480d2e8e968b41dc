import { PgliteSession, startPglite } from './pglite-session';
import { PgliteUpkeep } from './pglite-upkeep';

const MB = 1024 * 1024;

/** An engine that has written so many bytes, with one worn table and some that have grown; gives what the upkeep had it do. */
const engine = () => {
  const done: string[] = [];
  const state = { written: 0, grown: [] as string[] };
  const upkeep = new PgliteUpkeep({
    query: async (statement) => {
      if (statement.includes('pg_wal_lsn_diff')) return [{ bytes: String(state.written) }];
      if (statement.includes('n_dead_tup')) return [{ name: 'public.worn' }];
      return state.grown.map((name) => ({ name }));
    },
    run: async (script) => {
      done.push(script);
      return '';
    },
  });
  return { state, done, upkeep };
};

describe('the upkeep of the embedded database', () => {
  test('makes a checkpoint once enough was written since the last', async () => {
    const { state, done, upkeep } = engine();
    for (const megabytes of [1, 31, 32, 40, 63, 64, 65]) {
      state.written = megabytes * MB;
      await upkeep.run();
    }
    expect(done).toEqual(['CHECKPOINT', 'CHECKPOINT']);
  });

  test('has the planner look at tables that have grown, long before anything is cleaned', async () => {
    const { state, done, upkeep } = engine();
    state.grown = ['public.grown'];
    for (const megabytes of [3, 4, 5, 7, 8]) {
      state.written = megabytes * MB;
      await upkeep.run();
    }
    expect(done).toEqual(['ANALYZE public.grown', 'ANALYZE public.grown']);
  });

  test('a table is looked at when it has doubled, not when its rows have changed', async () => {
    const db = await startPglite(undefined);
    try {
      const session = new PgliteSession(db, () => undefined);
      const upkeep = new PgliteUpkeep(session);
      const looks: unknown[] = [];
      const after = async (script: string): Promise<void> => {
        await session.run(`${script}; SELECT pg_stat_force_next_flush()`); // counted at once, not within the second
        await upkeep.run();
        const question = `SELECT analyze_count AS looks, reltuples AS rows
          FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid WHERE s.relname = 'wide'`;
        looks.push(...(await session.query(question, [])));
      };
      const add = (rows: number): string =>
        `INSERT INTO wide SELECT repeat('x', 900) FROM generate_series(1, ${String(rows)})`;
      await after(`CREATE TABLE wide (text text); ${add(6_000)}`);
      await after('UPDATE wide SET text = text');
      await after(add(6_000));
      await after(add(2_000));
      await after(add(6_000));
      expect(looks).toEqual([
        { looks: '1', rows: 6_000 },
        { looks: '1', rows: 6_000 },
        { looks: '1', rows: 6_000 },
        { looks: '1', rows: 6_000 },
        { looks: '2', rows: 20_000 },
      ]);
    } finally {
      await db.close();
    }
  });

  test('cleans the tables that need it, less often', async () => {
    const { state, done, upkeep } = engine();
    for (let megabytes = 32; megabytes <= 512; megabytes += 32) {
      state.written = megabytes * MB;
      await upkeep.run();
    }
    expect(done.filter((script) => script === 'CHECKPOINT')).toHaveLength(16);
    expect(done.filter((script) => script === 'VACUUM (ANALYZE) public.worn')).toHaveLength(2);
  });
});
