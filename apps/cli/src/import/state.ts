import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { UsageError } from '../usage-error';
import { Tally } from './tally';

/** How far an import has come: what makes running the same command again go on where this one ended. */
const State = Type.Object({
  version: Type.Literal(1),
  /** What was imported where, and how lines became events; running again must not change any of it. */
  made: Type.Object({
    server: Type.String(),
    file_bytes: Type.Integer(),
    file_head_sha256: Type.String(),
    mapping: Type.String(),
  }),
  /** Every line before this place was taken or refused for good. */
  next: Type.Object({ line: Type.Integer(), offset: Type.Integer() }),
  tally: Tally,
  report_bytes: Type.Integer(),
  complete: Type.Boolean(),
});
export type State = Static<typeof State>;

/** What a person would call the parts of `made`. */
const CHANGED: Readonly<Record<keyof State['made'], string>> = {
  server: 'the server',
  file_bytes: 'the size of the file',
  file_head_sha256: 'the content of the file',
  mapping: 'the options that say how lines become events',
};

/**
 * The state of an earlier run; null where there is none. Throws {@link UsageError} where that run imported something
 * else: going on would leave lines out or charge them twice.
 */
export const readState = (file: string, made: State['made']): State | null => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
  const state = stateOf(text);
  if (state === null)
    throw new UsageError(`${file} is no state of an import; name another one with --state, or --restart`);
  const changed = (Object.keys(CHANGED) as (keyof State['made'])[]).filter((part) => state.made[part] !== made[part]);
  if (changed.length > 0) {
    throw new UsageError(
      `${changed.map((part) => CHANGED[part]).join(' and ')} changed since line ${String(state.next.line)} was imported ` +
        `(${file}). Change it back to go on, or begin again with --restart: lines that keep their id are ` +
        'recognised as duplicates; an id that the import made itself stays only while a line keeps its number and text.',
    );
  }
  return state;
};

const stateOf = (text: string): State | null => {
  try {
    const json: unknown = JSON.parse(text);
    return Value.Check(State, json) ? json : null;
  } catch {
    return null; // cut by a power loss, or another kind of file: the caller says what to do
  }
};

/** Replaces the state as a whole, so that a kill leaves the old one or the new one. */
export const writeState = (file: string, state: State): void => {
  const temporary = `${file}.${String(process.pid)}.tmp`;
  try {
    // Anew: what lies there is left over, or a link that came with the file that is imported.
    rmSync(temporary, { force: true });
    writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`, { flag: 'wx' });
    renameSync(temporary, file);
  } catch (error) {
    throw new UsageError(`the state cannot be saved (${(error as Error).message}); name another file with --state`);
  }
};
