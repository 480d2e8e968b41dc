import { type Row, type Sql, TEXT } from '@drawdown/ports';

/**
 * The runner's own tables as steps: a database of any earlier format is brought to the present one by those it has not
 * had. Steps are only ever added, none is edited once it was released, but for how text is compared ({@link TEXT}): a step
 * for that would keep releases of before from coming back. Which models there are, and how far each has come in each shard.
 */
export const STEPS: readonly (readonly string[])[] = [
  [
    // Conditional, because there are databases of this format from before formats were written down.
    `CREATE TABLE IF NOT EXISTS projection_models (
       projector ${TEXT} NOT NULL,
       version integer NOT NULL,
       generation integer NOT NULL,
       state ${TEXT} NOT NULL CHECK (state IN ('building', 'serving')),
       tables text[] NOT NULL,
       PRIMARY KEY (projector, version, generation))`,
    `CREATE TABLE IF NOT EXISTS projection_checkpoints (
       model ${TEXT} NOT NULL,
       shard integer NOT NULL,
       revision bigint NOT NULL,
       PRIMARY KEY (model, shard)) WITH (fillfactor = 50)`,
  ],
  // Which event a revision was, so that a log which has another one there is noticed. A projector of an earlier release
  // that still runs beside this one moves the revision alone.
  [`ALTER TABLE projection_checkpoints ADD COLUMN event_id ${TEXT}, ADD COLUMN event_revision bigint`],
];

/** Processes that start together make tables one after the other. Any number, the same for all. */
export const LOCK = 'SELECT pg_advisory_xact_lock(7241909)';

/** The database was brought to a format that this program does not know; nothing was changed. */
export class DatabaseTooNew extends Error {
  readonly code = 'database_too_new';
  constructor(
    readonly found: number,
    readonly known: number,
  ) {
    super(
      `the database of the read models has format ${String(found)}, this release knows formats up to ${String(known)}: ` +
        'start a release that knows it, or give this one an empty database (it is filled from the log)',
    );
  }
}

/**
 * Brings the database to the present format, in the caller's transaction: a process that is killed on the way leaves the
 * format it found. Throws {@link DatabaseTooNew}.
 */
export const bringToFormat = async (tx: Sql, steps = STEPS): Promise<void> => {
  await tx.query(LOCK);
  await tx.query(
    `CREATE TABLE IF NOT EXISTS projection_format (
       only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), version integer NOT NULL)`,
  );
  const [row] = await tx.query<Row & { version: number }>('SELECT version FROM projection_format');
  const found = row?.version ?? 0;
  if (found > steps.length) throw new DatabaseTooNew(found, steps.length);
  for (const statement of steps.slice(found).flat()) await tx.query(statement);
  if (found < steps.length) {
    await tx.query(
      'INSERT INTO projection_format (version) VALUES ($1) ON CONFLICT (only_one) DO UPDATE SET version = excluded.version',
      [steps.length],
    );
  }
};
