import type { PgliteSession } from './pglite-session';

const ANALYZE_AFTER_BYTES = 4 * 1024 * 1024;
const CHECKPOINT_AFTER_BYTES = 32 * 1024 * 1024;
const VACUUM_AFTER_BYTES = 256 * 1024 * 1024;

const WRITTEN = `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::text AS bytes`;

/**
 * Tables that have doubled since the planner last looked at them. It takes such a one for as small as it was, and sorts all
 * rows of an organization for each page of a list. As often as they double, and no more: looking costs tenths of a second.
 */
const GROWN_TABLES = `
  SELECT format('%I.%I', s.schemaname, s.relname) AS name
  FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
  WHERE s.n_live_tup > 1000 + 2 * greatest(c.reltuples, 0)`;

/** Tables that autovacuum would clean, by its own default thresholds. */
const WORN_TABLES = `
  SELECT format('%I.%I', s.schemaname, s.relname) AS name
  FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
  WHERE s.n_dead_tup > 50 + 0.2 * greatest(c.reltuples, 0)
     OR s.n_mod_since_analyze > 50 + 0.1 * greatest(c.reltuples, 0)
     OR s.n_ins_since_vacuum > 1000 + 0.2 * greatest(c.reltuples, 0)`;

/**
 * What PostgreSQL's background processes do, which PGlite does not have: without checkpoints its log grows for ever
 * (700 MB in half a minute of updates) and the next start reads it all, without vacuum tables keep every old row, and what
 * nobody analyzes is planned for as if it were empty.
 */
export class PgliteUpkeep {
  private analyzeAt = 0;
  private checkpointAt = 0;
  private vacuumAt = 0;

  constructor(private readonly session: Pick<PgliteSession, 'query' | 'run'>) {}

  /** Does what is due by the bytes written since the last time. Only while no transaction is open. */
  async run(): Promise<void> {
    const [row] = await this.session.query(WRITTEN, []);
    const written = Number(row?.['bytes']);
    if (written - this.analyzeAt >= ANALYZE_AFTER_BYTES) {
      for (const { name } of await this.session.query(GROWN_TABLES, [])) {
        await this.session.run(`ANALYZE ${String(name)}`);
      }
      this.analyzeAt = written;
    }
    if (written - this.checkpointAt < CHECKPOINT_AFTER_BYTES) return;
    await this.session.run('CHECKPOINT');
    this.checkpointAt = written;
    if (written - this.vacuumAt < VACUUM_AFTER_BYTES) return;
    const worn = await this.session.query(WORN_TABLES, []);
    for (const { name } of worn) await this.session.run(`VACUUM (ANALYZE) ${String(name)}`);
    this.vacuumAt = written;
  }
}
