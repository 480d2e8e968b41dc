import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { isRejection, parseUsageEvent } from '@drawdown/domain';
import { cellsOf } from './csv';
import { type Fault, shown, valueAt } from './fault';
import { type Line, LINE_BYTES_MAX, type Place, readLines } from './lines';
import type { Cell, Event } from './mapping';
import type { SourceFile } from './source-file';

/** Hex digits of a line's hash in the id it gets: ids stay short, and an edited line gets another one. */
const HASH_DIGITS = 12;

/** A line as a usage event in JSON, or why it is none. */
export type Item = { readonly line: number; readonly end: number } & (
  { readonly event: string } | { readonly fault: Fault }
);

/** Makes the event of a record; null where lines are complete CloudEvents. */
export type ToEvent = ((line: number, cell: Cell, idOf: () => string) => Event) | null;

/** The lines of a file from a place on, checked by the very code that the server checks events with; blank ones are passed over. */
export const readItems = async function* (
  source: SourceFile,
  from: Place,
  toEvent: ToEvent,
  signal: AbortSignal,
): AsyncGenerator<Item> {
  const read = source.format === 'csv' ? csvReader(source) : jsonReader;
  for await (const line of readLines(source.path, from, signal)) {
    if (line.bytes.length === 0) continue;
    yield { line: line.number, end: line.end, ...itemOf(line, read, toEvent) };
  }
};

/** What a line's text says: a way to its values, and the value as a whole where it has one. */
interface Record_ {
  readonly cell: Cell;
  readonly whole?: unknown;
}

const itemOf = (
  line: Line,
  read: (text: string) => Record_ | Fault,
  toEvent: ToEvent,
): { readonly event: string } | { readonly fault: Fault } => {
  if (line.tooLong) {
    const reason = `the line is longer than ${String(LINE_BYTES_MAX)} bytes`;
    return { fault: { code: 'payload_too_large', reason, value: shown(line.bytes.toString()) } };
  }
  if (!isUtf8(line.bytes)) {
    const reason = 'the line contains bytes that are not UTF-8';
    return { fault: { code: 'invalid_encoding', reason, value: shown(line.bytes.toString()) } };
  }
  const text = line.bytes.toString();
  const record = read(text);
  if ('code' in record) return { fault: { ...record, value: shown(text) } };
  const event = toEvent === null ? record.whole : toEvent(line.number, record.cell, () => idOfLine(line));
  return checked(event);
};

const checked = (event: unknown): { readonly event: string } | { readonly fault: Fault } => {
  try {
    const parsed = parseUsageEvent(event);
    if (!isRejection(parsed)) return { event: JSON.stringify(event) };
    const value = valueAt(event, parsed.pointer);
    const fault = { code: parsed.rejected, reason: parsed.detail, pointer: parsed.pointer };
    return { fault: value === undefined ? fault : { ...fault, value: shown(value) } };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { fault: { code: 'too_deep', reason: 'the line nests deeper than any event may' } };
  }
};

/** The same line at the same place gets the same id, so that importing a file again finds its events there. */
const idOfLine = (line: Line): string => {
  const hash = createHash('sha256').update(line.bytes).digest('hex').slice(0, HASH_DIGITS);
  return `line-${String(line.number)}-${hash}`;
};

const csvReader = ({ columns, delimiter }: SourceFile): ((text: string) => Record_ | Fault) => {
  const names = columns ?? [];
  const places = new Map(names.map((column, index) => [column, index]));
  return (text) => {
    const cells = cellsOf(text, delimiter);
    if ('code' in cells) return cells;
    if (cells.length > names.length) {
      const reason = `${String(cells.length)} cells, but the header names ${String(names.length)} columns`;
      return { code: 'malformed_csv', reason };
    }
    const missing = names[cells.length];
    if (missing !== undefined)
      return { code: 'missing_field', reason: `the line ends before the column ${shown(missing)}` };
    // An empty cell is how CSV says that there is nothing.
    return { cell: (column) => cells[places.get(column) ?? -1] || undefined };
  };
};

const jsonReader = (text: string): Record_ | Fault => {
  let whole: unknown;
  try {
    whole = JSON.parse(text) as unknown;
  } catch {
    return { code: 'malformed_json', reason: 'the line is no JSON, or more than one value' };
  }
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole)) {
    return { code: 'invalid_type', reason: 'the line must be a JSON object' };
  }
  const fields = whole as Readonly<Record<string, unknown>>;
  return { whole, cell: (column) => (Object.hasOwn(fields, column) ? fields[column] : undefined) };
};
