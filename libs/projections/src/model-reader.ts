import { setTimeout as pause } from 'node:timers/promises';
import type { ReadProgress } from '@drawdown/delivery';
import { CATALOGUE, coverBoth, type Position, positionOf } from '@drawdown/kernel';
import { DatabaseUnavailable, type Metrics, type Row, type Sql, type SqlValue } from '@drawdown/ports';
import { type PageRequest, type ReadAsOf, type Reading, ReadModelBehind } from './read-models';

/** How long a read waits for the position that its caller has seen (api.md, Conventions). */
export const AFTER_TIMEOUT_MS = 5_000;

/** A database that is there says so in milliseconds; whoever asks has waited {@link AFTER_TIMEOUT_MS} already. */
const SIGN_OF_LIFE_MS = 1_000;

/** Between two questions to a replica that lags behind what the caller has seen. */
const REPLICA_PAUSE_MS = 50;

/** Rows of a page where the caller does not say. */
const PAGE_ROWS = 50;

/** A query on one read model. */
export interface Question {
  /** A SELECT on the tables of `suffix`. `$1` is the model, `$2` the shard; its own parameters start at `$3`. */
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
  /** ORDER BY of the answer, in its columns' names. */
  readonly order?: string;
  /** A scalar that is answered even where there are no rows. */
  readonly also?: string;
}

export interface Rows<R> {
  readonly rows: readonly R[];
  readonly also: unknown;
  readonly asOf: ReadAsOf;
}

/** Errors after which one more try has another outcome: tables dropped by a switch, deadlock with it, serialization. */
const TRY_AGAIN: ReadonlySet<unknown> = new Set(['42P01', '40P01', '40001']);
const TABLES_GONE = '42P01';

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

/** Asks read models, each question in one statement with the checkpoint it is true for (INV-DEL-5). */
export class ModelReader {
  constructor(
    private readonly database: Sql,
    readonly progress: ReadProgress,
    readonly shardOf: (organizationId: string) => number,
    private readonly metrics: Metrics,
    /** Resolves once this process shows everything up to a position of the catalogue; rejects where that takes too long. */
    private readonly catalogueReached: (position: number) => Promise<void>,
  ) {}

  /** Asks about one organization: the answer is a prefix of its shard. */
  async ask<R extends Row>(
    projector: string,
    reading: Reading,
    question: (suffix: string) => Question | Promise<Question>,
  ): Promise<Rows<R>> {
    const shard = this.shardOf(reading.organizationId);
    // Of other shards nothing is shown.
    const parts = [...(reading.after ?? [])].filter(([part]) => part === String(shard) || part === CATALOGUE);
    return this.askAfter(projector, new Map(parts), () => this.askModel<R>(projector, shard, question, reading.now));
  }

  /** Asks about all organizations: the answer is a prefix of every shard. */
  async askAll<R extends Row>(
    projector: string,
    after: Position | null | undefined,
    now: Reading['now'],
    question: (suffix: string) => Question,
  ): Promise<Rows<R>> {
    return this.askAfter(projector, after ?? new Map(), () => this.askModel<R>(projector, null, question, now));
  }

  /**
   * Asks once the projector has come to `after`, and again where the answer has not: the database that answers may be a
   * replica which has less than the one that was written to (FLT-45).
   */
  private async askAfter<R extends Row>(
    projector: string,
    after: Position,
    ask: () => Promise<Rows<R>>,
  ): Promise<Rows<R>> {
    const until = performance.now() + AFTER_TIMEOUT_MS;
    const reached = [...after].map(([part, seen]) => this.reached(projector, part, seen));
    const ofCatalogue = after.get(CATALOGUE);
    const shards = [...after].filter(([part]) => part !== CATALOGUE);
    let waited = false;
    // What was reached before is known within this turn of the event loop.
    const turn = setImmediate(() => (waited = true));
    try {
      const all = Promise.all(reached).catch((error: unknown) => {
        waited = true;
        throw error;
      });
      await this.unlessAway(all).finally(() => clearImmediate(turn));
      for (;;) {
        const answer = await ask();
        const { position } = answer.asOf;
        if (shards.every(([shard, seen]) => (position.get(shard) ?? -1) >= seen)) {
          if (waited) this.count('caught_up');
          if (ofCatalogue === undefined) return answer;
          const both = coverBoth(position, positionOf(CATALOGUE, ofCatalogue));
          return { ...answer, asOf: { ...answer.asOf, position: both } };
        }
        if (performance.now() > until) {
          throw new ReadModelBehind(`the database that is read has less of ${projector} than was asked for`);
        }
        waited = true;
        await pause(REPLICA_PAUSE_MS);
      }
    } catch (error) {
      if (error instanceof ReadModelBehind && after.size > 0) this.count('behind');
      if (error instanceof DatabaseUnavailable && waited) this.count('unavailable');
      throw error;
    }
  }

  private async reached(projector: string, part: string, seen: number): Promise<void> {
    if (part !== CATALOGUE) return this.progress.reached(projector, Number(part), seen, AFTER_TIMEOUT_MS);
    try {
      await this.catalogueReached(seen);
    } catch (error) {
      throw new ReadModelBehind('the catalogue is not as far as what was seen of it', { cause: error });
    }
  }

  /** How the wait of a read for what its caller has seen ended. */
  private count(outcome: 'caught_up' | 'behind' | 'unavailable'): void {
    this.metrics.count('read_waits_total', { outcome });
  }

  /** What has not come may wait for a database that is away: then that is the answer (FLT-41). */
  private async unlessAway<T>(coming: Promise<T>): Promise<T> {
    try {
      return await coming;
    } catch (error) {
      if (error instanceof ReadModelBehind) await this.answers();
      throw error;
    }
  }

  private async answers(): Promise<void> {
    const done = new AbortController();
    const late = pause(SIGN_OF_LIFE_MS, true, { signal: done.signal }).catch(() => false); // aborted: not late
    const isLate = await Promise.race([this.database.query('SELECT 1').then(() => false), late]);
    done.abort();
    if (isLate) throw new DatabaseUnavailable('the database does not answer');
  }

  private async askModel<R extends Row>(
    projector: string,
    shard: number | null,
    question: (suffix: string) => Question | Promise<Question>,
    now: Reading['now'],
  ): Promise<Rows<R>> {
    for (let tries = 1; ; tries++) {
      const suffix = await this.unlessAway(this.progress.serving(projector));
      try {
        const rows = await this.database.query<
          R & { at_positions: Positions | null; also: unknown; here: true | null }
        >(...statement(projector + suffix, shard, await question(suffix)));
        const positions = rows[0]?.at_positions ?? null;
        if (positions === null) throw new ModelGone(`${projector}${suffix} has no checkpoint`);
        const position = new Map(Object.entries(positions));
        return { rows: rows.filter(({ here }) => here), also: rows[0]?.also, asOf: { position, time: now } };
      } catch (error) {
        const gone = error instanceof ModelGone || codeOf(error) === TABLES_GONE;
        if (gone) this.progress.lost(projector, suffix);
        if (tries > 1 || (!gone && !TRY_AGAIN.has(codeOf(error)))) {
          if (gone) throw new ReadModelBehind(`the read model ${projector} is being built`, { cause: error });
          throw error;
        }
      }
    }
  }
}

class ModelGone extends Error {}

type Positions = Readonly<Record<string, number>>;

const statement = (
  model: string,
  shard: number | null,
  { sql, parameters, order, also = 'NULL' }: Question,
): [string, SqlValue[]] => [
  `SELECT at.at_positions, ${also} AS also, answer.*
   FROM (SELECT json_object_agg(shard, revision) AS at_positions FROM projection_checkpoints
         WHERE model = $1 AND ($2::integer IS NULL OR shard = $2)) AS at
   LEFT JOIN (SELECT true AS here, asked.* FROM (${sql}) AS asked) AS answer ON true
   ${order === undefined ? '' : `ORDER BY ${order}`}`,
  [model, shard, ...parameters],
];

/** Bindings of a question as they are needed: `add` keeps a value and gives its `$n`. */
export class Bindings {
  readonly values: SqlValue[] = [];

  add(value: SqlValue): string {
    this.values.push(value);
    return `$${String(this.values.length + 2)}`;
  }

  /** The condition on a value; none where it is not given. */
  given(value: SqlValue | undefined, condition: (value: string) => string): string {
    return value === null || value === undefined ? 'true' : condition(this.add(value));
  }
}

/** Rows asked for are one more than the page has: whether it comes says whether there is another page. */
export const limitOf = (page: PageRequest): number => page.limit ?? PAGE_ROWS;

/** Cuts a page off its rows; `cursorOf` makes the cursor that leads on from the last one shown. */
export const pageOf = <R, T>(
  rows: readonly R[],
  limit: number,
  show: (row: R) => T,
  cursorOf: (last: R) => string,
): { readonly data: readonly T[]; readonly next_cursor: string | null } => {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    data: shown.map(show),
    next_cursor: rows.length > limit && last !== undefined ? cursorOf(last) : null,
  };
};
