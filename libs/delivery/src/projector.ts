import type { Sql } from '@drawdown/ports';
import type { Freshness } from './freshness';

/**
 * A read model: its tables, and how events change them. Deltas of a batch are summed in memory, one per key, and saved
 * by the runner in one transaction with the checkpoint. `E` is a decoded event, `D` the deltas.
 *
 * `apply` and `save` depend on nothing but their arguments: batches are cut anywhere, repeated after a failure, and
 * replayed from zero, always with the same rows as the result.
 */
export interface Projector<D, E> {
  readonly name: string;
  /** Raised by every change of tables or `apply`: the new version's tables are filled beside the old ones. */
  readonly version: number;
  readonly freshness: Freshness;
  /** Names of its tables without suffix, in the order in which they may be dropped. */
  readonly tableNames: readonly string[];
  /** Statements that make the tables of one generation, and the indexes that filling them needs. */
  tables(suffix: string): readonly string[];
  /**
   * Statements that make the indexes that only questions need, each with `IF NOT EXISTS`: they run when the tables are
   * filled and before they answer, again where the process ended on the way. Kept up row by row while a table is filled,
   * an index costs several times what making it at the end does.
   */
  indexes?(suffix: string): readonly string[];
  begin(): D;
  apply(deltas: D, event: E): void;
  /** Adds the deltas to the rows. May run again with the same deltas, after a transaction that failed. */
  save(tx: Sql, suffix: string, deltas: D): Promise<void>;
}

/** One filled or growing set of a projector's tables: `balances_v2_g1` is the first of version 2. */
export interface Model {
  readonly projector: string;
  readonly version: number;
  readonly generation: number;
  /** `building` ones are not asked yet; of one version at most one is `serving`. */
  readonly state: 'building' | 'serving';
}

export const suffixOf = ({ version, generation }: Pick<Model, 'version' | 'generation'>): string =>
  `_v${String(version)}_g${String(generation)}`;

/** The model's name, under which its checkpoints stand. */
export const modelName = (model: Omit<Model, 'state'>): string => model.projector + suffixOf(model);
