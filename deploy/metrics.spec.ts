import { reportedLabels, reportedMetrics, textOf } from './testing/product';

const table = new Map(
  [...textOf('libs/http/src/server/metric-help.ts').matchAll(/^ {2}([a-z_]+):\s*'(.*)',$/gm)].map(
    ([, name = '', help = '']) => [name, help] as const,
  ),
);
const reported = reportedMetrics();

test('every metric that a process reports says what it is, and nothing else does', () => {
  expect(reported.size).toBeGreaterThan(50);
  expect([...table.keys()].sort()).toEqual([...reported.keys()].sort());
});

test('the text of a metric is no other spelling of its name, and no other metric has it', () => {
  const sameAsName = ([name, help]: readonly [string, string]): boolean =>
    help.split(' ').length < 4 || help.toLowerCase().startsWith(name.replaceAll('_', ' '));
  expect([...table].filter(sameAsName)).toEqual([]);
  expect(new Set(table.values()).size).toBe(table.size);
});

test('what is measured in seconds says so, and a label is explained where the metric is', () => {
  const lacking = [...table].filter(([name, help]) => name.endsWith('_seconds') && !/\bin seconds\b/.test(help));
  expect(lacking).toEqual([]);
  expect(reportedLabels().length).toBeGreaterThan(20);
  expect(reportedLabels().filter(([name, label]) => table.get(name)?.includes(`\`${label}\``) !== true)).toEqual([]);
});
