import { readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { drawdown, fileWith } from '../testing/command-line';
import { csv, HEADER, ImportScene, reportOf, row } from '../testing/import-scene';

/** What comes with a file that somebody was handed: names, contents, and what lies beside it. */
const scene = new ImportScene();
const PRECIOUS = 'export PATH=/usr/bin\n'.repeat(100);

test('a link where the report of an earlier run should be is not followed, whatever a state beside it says', async () => {
  const file = fileWith('usage.csv', `${HEADER}never,1,u\n${Array.from({ length: 3000 }, (_, n) => row(n)).join('')}`);
  scene.server.instead = (request) => (request > 1 ? { status: 503 } : undefined);
  const once = ['--concurrency', '1', '--retry-for', '0s'];
  expect((await scene.importingMapped(file, ...once)).code).toBe(3);
  expect(reportOf(file)).toHaveLength(1);
  scene.server.instead = () => undefined;
  const precious = fileWith('.profile', PRECIOUS);
  unlinkSync(`${file}.errors.ndjson`);
  symlinkSync(precious, `${file}.errors.ndjson`);
  const refused = await scene.importingMapped(file, ...once);
  expect(readFileSync(precious, 'utf8')).toBe(PRECIOUS);
  expect([refused.code, refused.json()['error']]).toMatchObject([1, { code: 'usage' }]);
  // Begun anew it makes its own.
  expect((await scene.importingMapped(file, ...once, '--restart')).code).toBe(2);
  expect(reportOf(file)).toHaveLength(1);
  expect(readFileSync(precious, 'utf8')).toBe(PRECIOUS);
});

test('a link where the state is written before it takes its name is not followed', async () => {
  const file = csv(3);
  const precious = fileWith('.profile', PRECIOUS);
  symlinkSync(precious, `${file}.drawdown-import.json.${String(process.pid)}.tmp`);
  expect((await scene.importingMapped(file)).code).toBe(0);
  expect(readFileSync(precious, 'utf8')).toBe(PRECIOUS);
});

test('a header with as many columns as a line may hold is looked through in no time', async () => {
  const columns = Array.from({ length: 170_000 }, (_, n) => n.toString(36));
  const file = fileWith('wide.csv', `${[...columns, 'zzzz', 'zzzz'].join(',')}\n`);
  const begun = performance.now();
  const { code, json } = await scene.importingMapped(file);
  expect([code, JSON.stringify(json())]).toEqual([1, expect.stringContaining('twice')]);
  expect(performance.now() - begun).toBeLessThan(5_000);
}, 30_000);

test('nothing that a terminal obeys is shown of a file, its name included', async () => {
  const escape = '\u001b]0;owned\u0007\u009b2J\u202e';
  const file = fileWith(`usage${escape}.csv`, 'a\u009b2J,a\u009b2J\n');
  const { err } = await drawdown(['import', file, '--url', scene.server.url, '--organization', 'acme']);
  expect(err).toContain('twice');
  expect(err).not.toMatch(/[\u0007\u001b\u007f-\u009f\u202e]/);
  const lines = path.join(path.dirname(file), 'lines.csv');
  writeFileSync(lines, `${HEADER}${escape},1,u\n`);
  await scene.importingMapped(lines);
  expect(JSON.stringify(reportOf(lines)[0]?.['value'])).not.toMatch(/[\u0007\u001b\u007f-\u009f\u202e]/);
});
