import { printable } from '../terminal';

/** Characters of the input that a report shows. */
const SHOWN_MAX = 64;

/** Why a line is not imported: a code as everywhere else (api.md's errors), and where it is wrong. */
export interface Fault {
  readonly code: string;
  readonly reason: string;
  /** JSON Pointer into the usage event that the line stands for. */
  readonly pointer?: string;
  readonly value?: string;
}

/** A value as it is shown: cut, and never with control characters that a terminal would obey. */
export const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return [...printable(text.slice(0, SHOWN_MAX * 2)).replaceAll(/[\t\n]/g, '\ufffd')].slice(0, SHOWN_MAX).join('');
};

/** What a JSON Pointer leads to; `undefined` where there is nothing. */
export const valueAt = (json: unknown, pointer: string): unknown => {
  let value = json;
  for (const token of pointer.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  return value;
};
