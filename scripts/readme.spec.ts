import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(__dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');

/** The rows of the table below a heading, cells as they are written. */
const rowsBelow = (heading: string): readonly (readonly string[])[] => {
  const [, below = ''] = readme.split(`## ${heading}\n`);
  const lines = (below.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) => line.split('|').slice(1, -1));
};
/** What a cell names as code and is a path: files, and folders with a slash at their end. */
const pathsIn = (cell = ''): readonly string[] =>
  [...cell.matchAll(/`([\w./<>-]+)`/g)].flatMap(([, name = '']) =>
    /[./]/.test(name) && !name.includes('<') ? name : [],
  );

/** From the root, or below or beside the folder that the row begins with. */
const isThere = (name: string, folder: string): boolean =>
  [name, path.join(folder, name), path.join(path.dirname(folder), name)].some((place) =>
    existsSync(path.join(root, place)),
  ) || readdirSync(path.join(root, folder), { recursive: true }).some((found) => path.basename(String(found)) === name);

test.each(rowsBelow('Where to change what'))('README, where to change what: %s', (_, written, listed) => {
  const [folder = '', ...others] = pathsIn(written);
  const named = [folder, ...others, ...pathsIn(listed)];
  expect(named.filter((name) => !isThere(name, folder))).toEqual([]);
});
