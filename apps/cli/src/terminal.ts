import Table from 'cli-table3';

/** Where a command writes. `out` is for results, `err` for everything said on the way. */
export interface Terminal {
  readonly out: NodeJS.WritableStream;
  readonly err: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Cells from the `rightFrom`-th column on are numbers and stand to the right. */
export const table = (head: readonly string[], rows: readonly (readonly string[])[], rightFrom = 1): string => {
  const drawn = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column < rightFrom ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  });
  drawn.push(...rows.map((row) => [...row]));
  return `${drawn.toString()}\n`;
};

/** `28185` as `28,185`, decimals untouched: for text that people read. */
export const grouped = (text: string | number): string => {
  const [whole = '', ...rest] = String(text).split('.');
  return [whole.replaceAll(/\B(?=(\d{3})+$)/g, ','), ...rest].join('.');
};

/** What a terminal obeys, and what turns the order of letters about: neither is anybody's to send through a file or a record. */
const OBEYED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text from outside as people are shown it. Tabs and line feeds stay. */
export const printable = (text: string): string => text.replaceAll(OBEYED, '\ufffd');
