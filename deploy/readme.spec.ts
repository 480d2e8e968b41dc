import { AWAITED, knownSettings, PROCESSES, textOf } from './testing/product';

const text = textOf('deploy/README.md');

/** The first cells of the table under a heading. */
const firstCells = (heading: string): readonly string[] => {
  const section = text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  const [, , ...rows] = section.split('\n').filter((line) => line.startsWith('|'));
  return rows.map((row) => row.split('|')[1]?.trim() ?? '');
};
const names = (cells: readonly string[]): readonly string[] =>
  cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''));

test('the README lists the processes', () => {
  expect(names(firstCells('Processes'))).toEqual(PROCESSES);
});

test('the README lists every setting, and none that there is not', () => {
  expect([...names(firstCells('Settings'))].sort()).toEqual([...knownSettings(), ...AWAITED.settings].sort());
});

test('the README says what happens when each process is down', () => {
  const listed = firstCells('When a part is down').join(', ');
  for (const name of PROCESSES) expect(listed).toContain(/projectors?$/.test(name) ? 'a projector' : `\`${name}\``);
});
