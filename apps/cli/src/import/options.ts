import path from 'node:path';
import { UsageError } from '../usage-error';
import type { Mapping } from './mapping';
import type { SourceFile } from './source-file';
import type { SpreadRule } from './spread';
import { pairsOf, placeOf } from './targets';

const SOURCE_MAX = 256;
const SPREAD_MAX = 1_000_000;
const SEED_MAX = 2n ** 64n;

/** The options that say how lines become events, as the command line has them. */
export interface MappingOptions {
  readonly map?: readonly string[];
  readonly set?: readonly string[];
  readonly organization?: string;
  readonly source?: string;
  readonly timeUtc?: boolean;
  readonly spread?: string;
  readonly spreadWorkspaces?: string;
  readonly spreadUsers?: string;
  readonly spreadModels?: string;
}

/** How the lines of a file become events; null where they are complete CloudEvents. Throws {@link UsageError}. */
export const mappingOf = (source: SourceFile, options: MappingOptions): Mapping | null => {
  const columns = new Map(pairsOf('--map', options.map ?? []));
  const constants = new Map(pairsOf('--set', options.set ?? []));
  const spread = spreadOf(options);
  if (options.organization !== undefined) constants.set('organization', options.organization);
  if (source.columns === null && columns.size + constants.size === 0 && spread === null) {
    if (options.source === undefined && options.timeUtc !== true) return null;
    throw new UsageError('lines that are complete CloudEvents have their own source and time; for others give --map');
  }
  if (source.columns !== null) addColumns(source.columns, columns, constants);
  if (options.source !== undefined) constants.set('source', options.source);
  else if (!columns.has('source') && !constants.has('source')) constants.set('source', sourceOf(source.path));
  return { columns, constants, spread, timeUtc: options.timeUtc === true };
};

/** A column that is called as a target is taken for it, unless an option says otherwise. */
const addColumns = (
  names: readonly string[],
  columns: Map<string, string>,
  constants: ReadonlyMap<string, string>,
): void => {
  for (const column of columns.values()) {
    if (names.includes(column)) continue;
    throw new UsageError(`the file has no column ${JSON.stringify(column)}; it has ${names.join(', ')}`);
  }
  const used = new Set(columns.values());
  for (const name of names) {
    if (placeOf(name) === undefined || used.has(name) || columns.has(name) || constants.has(name)) continue;
    columns.set(name, name);
  }
};

/** Names the file, not its folder: a file that was moved is the same source. */
const sourceOf = (file: string): string => {
  const source = `import:${encodeURIComponent(path.basename(file))}`;
  if (source.length <= SOURCE_MAX) return source;
  throw new UsageError('the name of the file is too long to be the source of its events: give --source');
};

const spreadOf = (options: MappingOptions): SpreadRule | null => {
  const { spread, spreadWorkspaces, spreadUsers, spreadModels } = options;
  if (spread === undefined) {
    if (spreadWorkspaces === undefined && spreadUsers === undefined && spreadModels === undefined) return null;
    throw new UsageError('--spread-workspaces, --spread-users and --spread-models go with --spread');
  }
  const parts = new Map(
    spread.split(',').map((part): [string, string] => {
      const equals = part.indexOf('=');
      return [part.slice(0, equals), part.slice(equals + 1)];
    }),
  );
  const unknown = [...parts.keys()].find((name) => !['organizations', 'seed', 'prefix', 'rule'].includes(name));
  if (unknown !== undefined)
    throw new UsageError(`--spread ${spread}: write organizations=N,seed=S,prefix=P,rule=zipf`);
  const rule = parts.get('rule') ?? 'zipf';
  if (rule !== 'zipf' && rule !== 'uniform') throw new UsageError(`--spread: rule is zipf or uniform, not ${rule}`);
  return {
    organizations: numberOf('--spread organizations', parts.get('organizations') ?? ''),
    seed: seedOf(parts.get('seed') ?? '0'),
    prefix: parts.get('prefix') ?? 'org-',
    rule,
    workspaces: spreadWorkspaces === undefined ? 0 : numberOf('--spread-workspaces', spreadWorkspaces),
    users: spreadUsers === undefined ? 0 : numberOf('--spread-users', spreadUsers),
    models: spreadModels === undefined ? [] : spreadModels.split(','),
  };
};

const numberOf = (what: string, text: string): number => {
  const number = Number(text);
  if (/^[1-9]\d*$/.test(text) && number <= SPREAD_MAX) return number;
  throw new UsageError(`${what} is a whole number from 1 to ${String(SPREAD_MAX)}`);
};

const seedOf = (text: string): bigint => {
  if (/^\d{1,20}$/.test(text) && BigInt(text) < SEED_MAX) return BigInt(text);
  throw new UsageError('--spread seed is a whole number below 2⁶⁴');
};

/** A text that is the same exactly where every line becomes the same event. */
export const textOfMapping = (source: SourceFile, mapping: Mapping | null): string => {
  const sorted = (pairs: ReadonlyMap<string, string>): [string, string][] =>
    [...pairs].sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify({
    format: source.format,
    delimiter: source.delimiter,
    ...(mapping === null
      ? {}
      : {
          columns: sorted(mapping.columns),
          constants: sorted(mapping.constants),
          time_utc: mapping.timeUtc,
          spread: mapping.spread === null ? null : { ...mapping.spread, seed: String(mapping.spread.seed) },
        }),
  });
};
