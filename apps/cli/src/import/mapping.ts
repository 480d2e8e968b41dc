import { UsageError } from '../usage-error';
import { type Assigned, spreadOver, type SpreadRule } from './spread';
import { placeOf } from './targets';
import { utcTime } from './times';

/** How lines become usage events: everything that decides which event a line is. */
export interface Mapping {
  /** Column (or field) by target. */
  readonly columns: ReadonlyMap<string, string>;
  /** Value by target. */
  readonly constants: ReadonlyMap<string, string>;
  readonly spread: SpreadRule | null;
  readonly timeUtc: boolean;
}

/** The value of a column in one record; `undefined` where it has none. */
export type Cell = (column: string) => unknown;

export type Event = Record<string, unknown>;

/** What an event cannot do without, each as the targets of which one must be given. */
const NEEDED: readonly (readonly string[])[] = [
  ['time'],
  ['organization'],
  ['service_type'],
  ['quantity', 'quantities.<name>'],
];
const ASSIGNED: readonly (keyof Assigned)[] = ['organization', 'workspace_id', 'user_id', 'model'];
const WHOLE = /^\d{1,15}$/;

/** A step that puts one value into an event. */
type Step = (event: Event, cell: Cell) => void;

/**
 * The function from a record to its event. `idOf` names records that no target names. Throws {@link UsageError} where no
 * line could become an event.
 */
export const mapper = (mapping: Mapping): ((line: number, cell: Cell, idOf: () => string) => Event) => {
  checkTargets(mapping);
  const steps = [...stepsOfConstants(mapping), ...stepsOfColumns(mapping)];
  const assign = mapping.spread === null ? null : spreadOver(mapping.spread);
  return (line, cell, idOf) => {
    const event: Event = { specversion: '1.0', type: 'drawdown.usage.v1', data: {} };
    for (const step of steps) step(event, cell);
    if (assign !== null) for (const [target, value] of Object.entries(assign(line))) put(event, pathOf(target), value);
    event['id'] ??= idOf();
    return event;
  };
};

const checkTargets = ({ columns, constants, spread }: Mapping): void => {
  const assigned = spread === null ? [] : assignedBy(spread);
  for (const target of [...columns.keys(), ...assigned]) {
    if (constants.has(target) || (columns.has(target) && assigned.includes(target))) {
      throw new UsageError(`${target} is given twice: by --map, --set or --spread`);
    }
  }
  const given = [...columns.keys(), ...constants.keys(), ...assigned].map((target) =>
    target.startsWith('quantities.') ? 'quantities.<name>' : target,
  );
  for (const choices of NEEDED) {
    if (choices.some((target) => given.includes(target))) continue;
    const wanted = choices.join(' or ');
    throw new UsageError(`nothing says what ${wanted} is: use --map ${choices[0] ?? ''}=<column> or --set`);
  }
};

const assignedBy = (spread: SpreadRule): string[] =>
  ASSIGNED.filter((target) => {
    if (target === 'workspace_id') return spread.workspaces > 0;
    if (target === 'user_id') return spread.users > 0;
    return target !== 'model' || spread.models.length > 0;
  });

const stepsOfConstants = ({ constants, timeUtc }: Mapping): Step[] =>
  [...constants].map(([target, text]) => {
    const [path, value] = [pathOf(target), valueOf(target, text, timeUtc)];
    return (event) => put(event, path, value);
  });

const stepsOfColumns = ({ columns, timeUtc }: Mapping): Step[] =>
  [...columns].map(([target, column]) => {
    const path = pathOf(target);
    return (event, cell) => {
      const value = valueOf(target, cell(column), timeUtc);
      if (value !== undefined) put(event, path, value);
    };
  });

const pathOf = (target: string): readonly string[] => {
  const path = placeOf(target);
  if (path === undefined) throw new Error(`${target} is no target`);
  return path;
};

/** CSV has texts only: what an event has as another type is read here. */
const valueOf = (target: string, value: unknown, timeUtc: boolean): unknown => {
  if (typeof value !== 'string') return value;
  if (target === 'time' && timeUtc) return utcTime(value);
  return target === 'latency_ms' && WHOLE.test(value) ? Number(value) : value;
};

const put = (event: Event, path: readonly string[], value: unknown): void => {
  let at = event;
  for (const key of path.slice(0, -1)) at = (at[key] ??= {}) as Event;
  at[path.at(-1) ?? ''] = value;
};
