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
