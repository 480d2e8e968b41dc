import { fileWith, removeFiles } from '../testing/command-line';
import { type Line, LINE_BYTES_MAX, type Place, readLines } from './lines';

afterAll(removeFiles);

const linesOf = async (content: string | Buffer, from: Place = { line: 0, offset: 0 }) => {
  const lines: (Omit<Line, 'bytes'> & { text: string })[] = [];
  for await (const { bytes, ...line } of readLines(fileWith('f', content), from, new AbortController().signal)) {
    lines.push({ ...line, text: bytes.toString() });
  }
  return lines;
};
const texts = async (content: string | Buffer) => (await linesOf(content)).map(({ text }) => text);

test('lines end with either line break, the last one with none', async () => {
  expect(await texts('a\r\nb\n\nc')).toEqual(['a', 'b', '', 'c']);
  expect(await texts('')).toEqual([]);
  expect(await texts('a\n')).toEqual(['a']);
});

test('a byte order mark is no part of the first line', async () => {
  expect(await linesOf('\ufeffa\nb')).toMatchObject([
    { text: 'a', end: 5 },
    { text: 'b', end: 6 },
  ]);
});

test('reading goes on from any line', async () => {
  const content = 'one\ntwo\r\nthree\n';
  const all = await linesOf(content);
  for (const [index, { number, end }] of all.entries()) {
    expect(await linesOf(content, { line: number, offset: end })).toEqual(all.slice(index + 1));
  }
});

test('lines longer than a read are whole, up to the limit', async () => {
  const longest = 'x'.repeat(LINE_BYTES_MAX);
  const [first, second, third] = await linesOf(`${longest}\r\n${longest}y\nz`);
  expect(first).toMatchObject({ number: 1, tooLong: false, text: longest });
  expect(second).toMatchObject({ number: 2, tooLong: true, end: 2 * LINE_BYTES_MAX + 4 });
  expect(third).toMatchObject({ number: 3, tooLong: false, text: 'z' });
});

test('of a line that is far too long the beginning is shown', async () => {
  const [, long, after] = await linesOf(`a\n${'0123456789'.repeat(300_000)}\nb`);
  expect(long).toMatchObject({ tooLong: true });
  expect(long?.text).toHaveLength(256);
  expect(after).toMatchObject({ number: 3, text: 'b' });
});
