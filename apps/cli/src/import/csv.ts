import { parse } from 'csv-parse/sync';
import type { Fault } from './fault';

const QUOTE = '"';

/**
 * The cells of one line of CSV (RFC 4180), or why it has none. A record is a line: a quote that is still open at the
 * line's end is an error of that line, so that a forgotten one costs one line and not the rest of the file.
 */
export const cellsOf = (line: string, delimiter: string): readonly string[] | Fault => {
  if (!line.includes(QUOTE)) return line.split(delimiter);
  try {
    const [cells = []] = parse(line, { delimiter, relax_column_count: true });
    return cells;
  } catch (error) {
    const isOpen = (error as { readonly code?: string }).code === 'CSV_QUOTE_NOT_CLOSED';
    const reason = isOpen ? 'a quote is not closed on this line' : 'a quote stands where none may be';
    return { code: 'malformed_csv', reason };
  }
};
