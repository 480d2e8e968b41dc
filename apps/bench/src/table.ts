import Table from 'cli-table3';
import { DRIFT_MAX, driftOf } from './denominators';
import { type Bound, holds, type RowResult } from './row';

const number = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));

const bound = (limit: Bound | null): string =>
  limit === null ? '–' : `${limit.at === 'least' ? '≥' : '≤'} ${number(limit.value)}`;

/** Why a row's figures must not be quoted: its denominators moved too far. */
export const refusalOf = (row: RowResult): string | null => {
  const moved = row.denominators.filter((denominator) => driftOf(denominator) > DRIFT_MAX);
  if (moved.length === 0) return null;
  const list = moved.map((d) => `${d.name} ${number(d.before)} → ${number(d.after)} ${d.unit}`).join(', ');
  return `refused: ${list} moved by more than ${String(DRIFT_MAX * 100)} %`;
};

const verdict = (row: RowResult): string => {
  const refusal = refusalOf(row);
  if (refusal !== null) return 'refused';
  if (row.gate === null && row.aim === null) return 'context';
  if (!holds(row.gate, row.ratio.median)) return 'MISSED';
  return holds(row.aim, row.ratio.median) && row.aim !== null ? 'aim met' : 'gate met';
};

/** The table of a run as text, every round's spread and every denominator with it. */
export const printTable = (rows: readonly RowResult[]): string => {
  const table = new Table({ head: ['row', 'ratio (low–high)', 'of', 'gate', 'aim', ''] });
  for (const row of rows) {
    const { median, low, high } = row.ratio;
    table.push([
      row.name,
      `${number(median)} (${number(low)}–${number(high)})`,
      row.unit,
      bound(row.gate),
      bound(row.aim),
      verdict(row),
    ]);
  }
  const lines = rows.flatMap((row) => [
    `${row.name}:`,
    ...row.denominators.map((d) => `    ${d.name} = ${number(d.before)} before, ${number(d.after)} after (${d.unit})`),
    `    ${Object.entries(row.context)
      .map(([name, value]) => `${name} ${typeof value === 'number' ? number(value) : value}`)
      .join(' · ')}`,
    ...(refusalOf(row) === null ? [] : [`    ${refusalOf(row) ?? ''}`]),
  ]);
  return `${table.toString()}\n\n${lines.join('\n')}\n`;
};
