import { printable } from '../terminal';
import type { Letter } from './letters';

type Value = { readonly text: string } | { readonly base64: string } | null;

/** Bytes as text where they are text; else so that they can be had back. */
const valueOf = (bytes: Buffer | null): Value => {
  if (bytes === null) return null;
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? { text } : { base64: bytes.toString('base64') };
};

/** A letter for programs. `value` is null where the record had none, or its bytes did not fit into the letter. */
export const documentOf = ({ id, letter }: Letter): object => {
  const { reason, pointer, detail, place, record, omitted } = letter;
  const { key, headers, value } = record;
  return { id, reason, pointer, detail, ...place, key, headers, value: valueOf(value), omitted };
};

/** A letter for people. Its bytes, too, only as far as a terminal should see them: `--json` has them all. */
export const inFull = ({ id, letter }: Letter): string => {
  const { reason, pointer, detail, place, record, omitted } = letter;
  const value = valueOf(record.value);
  const bytes =
    value === null
      ? omitted
        ? '(too large for the letter)'
        : '(none)'
      : 'text' in value
        ? value.text
        : `base64 ${value.base64}`;
  const lines = [
    ['id', id],
    ['reason', reason],
    ['at', pointer],
    ['detail', detail],
    ['from', `${place.topic}, partition ${String(place.partition)}, offset ${String(place.offset)}`],
    ['key', record.key ?? '(none)'],
    ...Object.entries(record.headers).map(([name, text]) => ['header', `${name}: ${text}`]),
  ];
  return printable(`${lines.map(([name = '', text = '']) => `${name.padEnd(8)}${text}`).join('\n')}\n\n${bytes}\n`);
};
