import type { ReadDatabase, Row, Sql } from '@drawdown/ports';
import { bringToFormat, LOCK } from './format';
import { type Model, modelName, type Projector, suffixOf } from './projector';

type AnyProjector<E> = Projector<unknown, E>;

/** All of its versions and generations, in their order. */
export const modelsOf = async (sql: Sql, projector: string): Promise<readonly Model[]> => {
  const rows = await sql.query<Row & Model>(
    'SELECT projector, version, generation, state FROM projection_models WHERE projector = $1 ORDER BY version, generation',
    [projector],
  );
  return rows;
};

/**
 * Makes what is missing and clears away what no program needs, all of it in one transaction; answers the models to be
 * run, of all projectors. Throws DatabaseTooNew.
 */
export const prepareModels = <E>(
  database: ReadDatabase,
  projectors: readonly AnyProjector<E>[],
  shards: number,
): Promise<readonly Model[]> =>
  database.transaction(async (tx) => {
    await bringToFormat(tx);
    const all: Model[] = [];
    for (const projector of projectors) {
      const known = await modelsOf(tx, projector.name);
      const own = known.filter(({ version }) => version === projector.version);
      if (own.some(({ state }) => state === 'serving')) {
        // Kept up to now for a release of before that may still have been answering from them.
        const older = known.filter(({ version }) => version < projector.version);
        for (const model of older) await dropModel(tx, model);
      }
      all.push(...(own.length > 0 ? own : [await makeGeneration(tx, projector, known)]));
    }
    for (const model of all) await makeCheckpoints(tx, model, shards);
    return all;
  });

/** Begins another generation of the projector's present version, empty. */
export const addGeneration = <E>(database: ReadDatabase, projector: AnyProjector<E>, shards: number): Promise<Model> =>
  database.transaction(async (tx) => {
    await tx.query(LOCK);
    const model = await makeGeneration(tx, projector, await modelsOf(tx, projector.name));
    await makeCheckpoints(tx, model, shards);
    return model;
  });

/** From here on `model` answers, and the version's other generations are gone. */
export const serveModel = <E>(database: ReadDatabase, projector: AnyProjector<E>, model: Model): Promise<Model> =>
  database.transaction(async (tx) => {
    await tx.query(LOCK);
    const others = (await modelsOf(tx, projector.name)).filter(
      ({ version, generation }) => version === model.version && generation < model.generation,
    );
    for (const other of others) await dropModel(tx, other);
    await tx.query(
      `UPDATE projection_models SET state = 'serving' WHERE projector = $1 AND version = $2 AND generation = $3`,
      [model.projector, model.version, model.generation],
    );
    return { ...model, state: 'serving' };
  });

/** The last event of a shard that is in a model. */
export interface Checkpoint {
  /** −1 where there is none. */
  readonly revision: number;
  /** Null where a release wrote it that did not keep it. */
  readonly eventId: string | null;
}

/** Undefined where the model is gone. */
export const checkpointOf = async (sql: Sql, model: Model, shard: number): Promise<Checkpoint | undefined> => {
  const [row] = await sql.query<{ revision: string; event_id: string | null }>(
    `SELECT revision, CASE WHEN event_revision = revision THEN event_id END AS event_id
     FROM projection_checkpoints WHERE model = $1 AND shard = $2`,
    [modelName(model), shard],
  );
  return row === undefined ? undefined : { revision: Number(row.revision), eventId: row.event_id };
};

export const UNDEFINED_TABLE = '42P01';

export const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

/** True where its checkpoints, or the table of them, are not there any more. */
export const modelIsGone = async (sql: Sql, model: Model): Promise<boolean> => {
  try {
    return (await checkpointOf(sql, model, 0)) === undefined;
  } catch (error) {
    if (codeOf(error) === UNDEFINED_TABLE) return true;
    throw error;
  }
};

/**
 * Moves the checkpoint, unless it stands elsewhere than `from`: then another runner has moved it, and this one is
 * fenced. It also has this transaction's plans go through the keys: a batch touches some thousand rows of a table of
 * any size, and reading the table to join them is what a planner without statistics would choose.
 */
export const moveCheckpoint = async (
  tx: Sql,
  model: Model,
  shard: number,
  from: number,
  to: Checkpoint,
): Promise<boolean> => {
  const moved = await tx.query(
    `UPDATE projection_checkpoints SET revision = $4, event_revision = $4, event_id = $5 WHERE model = $1 AND shard = $2 AND revision = $3
     RETURNING set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
               set_config('enable_mergejoin', 'off', true)`,
    [modelName(model), shard, from, to.revision, to.eventId],
  );
  return moved.length > 0;
};

const makeGeneration = async <E>(tx: Sql, projector: AnyProjector<E>, known: readonly Model[]): Promise<Model> => {
  const last = known.filter(({ version }) => version === projector.version).at(-1)?.generation ?? 0;
  const { name, version } = projector;
  const model: Model = { projector: name, version, generation: last + 1, state: 'building' };
  for (const statement of projector.tables(suffixOf(model))) await tx.query(statement);
  await tx.query(
    'INSERT INTO projection_models (projector, version, generation, state, tables) VALUES ($1, $2, $3, $4, $5)',
    [name, version, model.generation, model.state, projector.tableNames.map((table) => table + suffixOf(model))],
  );
  return model;
};

const makeCheckpoints = async (tx: Sql, model: Model, shards: number): Promise<void> => {
  await tx.query(
    `INSERT INTO projection_checkpoints (model, shard, revision)
     SELECT $1, shard, -1 FROM generate_series(0, $2::integer - 1) shard ON CONFLICT DO NOTHING`,
    [modelName(model), shards],
  );
};

const dropModel = async (tx: Sql, model: Model): Promise<void> => {
  // The checkpoints first: a runner that still saves into the model waits for them, finds none, and is fenced.
  await tx.query('DELETE FROM projection_checkpoints WHERE model = $1', [modelName(model)]);
  const [gone] = await tx.query<{ tables: readonly string[] }>(
    'DELETE FROM projection_models WHERE projector = $1 AND version = $2 AND generation = $3 RETURNING tables',
    [model.projector, model.version, model.generation],
  );
  for (const table of gone?.tables ?? []) await tx.query(`DROP TABLE IF EXISTS ${table}`);
};
