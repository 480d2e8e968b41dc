import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileWith, removeFiles } from './testing/command-line';
import { IntakeServer } from './testing/intake-server';

const MAIN = path.resolve(__dirname, '../../../dist/apps/cli/src/main.js');
const MAPPED = [
  '--organization',
  'acme',
  '--map',
  'time=at',
  '--map',
  'quantities.input_tokens=in',
  '--set',
  'service_type=a',
];
/** Garbage is collected soon, so that what is measured is what is kept. */
const NODE_OPTIONS = ['--max-semi-space-size=1', '--import'];
/** Says at the end how much memory the process had at most, in KiB. */
const MEASURE = "data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS))";
const LONG_LINE_BYTES = 100 * 1024 * 1024;
const GROWTH_MAX_KIB = 16 * 1024;

let server: IntakeServer;
beforeAll(async () => {
  server = await IntakeServer.start();
});
afterAll(async () => {
  await server.close();
  removeFiles();
});

const row = (n: number): string => `2026-03-01T10:00:00Z,${String(n)}\n`;
const rows = (from: number, count: number): string => Array.from({ length: count }, (_, i) => row(from + i)).join('');

const start = (file: string, ...words: string[]) => {
  const child = spawn(process.execPath, [
    ...NODE_OPTIONS,
    MEASURE,
    MAIN,
    'import',
    file,
    '--json',
    '--url',
    server.url,
    ...MAPPED,
    ...words,
  ]);
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const ended = once(child, 'close').then(([code]: unknown[]) => ({
    code,
    answer: JSON.parse(out) as Record<string, unknown>,
    peakKib: Number(/peak (\d+)/.exec(err)?.[1]),
  }));
  return { child, ended };
};

const TRIES_MAX = 4;

/**
 * What the import of the second file answers, and how much more memory it takes than that of the first: the least of a few
 * tries, since when garbage is collected is chance on a busy machine, and what is kept is kept each time.
 */
const compared = async (less: string, more: string, enoughKib: number) => {
  const once = async (...words: string[]) => {
    const [before, after] = [await start(less, ...words).ended, await start(more, ...words).ended];
    return { answer: after.answer, growthKib: after.peakKib - before.peakKib };
  };
  const { answer, growthKib: first } = await once();
  let growthKib = first;
  for (let tries = 1; growthKib > enoughKib && tries < TRIES_MAX; tries++)
    growthKib = Math.min(growthKib, (await once('--restart')).growthKib);
  return { answer, growthKib };
};

test('BAD-015: a line of 100 MB is reported, those around it are imported, and memory hardly grows', async () => {
  const plain = fileWith('plain.csv', `at,in\n${rows(0, 4000)}`);
  const long = fileWith('long.csv', `at,in\n${rows(0, 2000)}`);
  const part = '7'.repeat(LONG_LINE_BYTES / 100);
  for (let i = 0; i < 100; i++) appendFileSync(long, part);
  appendFileSync(long, `\n${rows(2000, 2000)}`);
  const { answer, growthKib } = await compared(plain, long, GROWTH_MAX_KIB);
  expect(answer).toMatchObject({ lines: 4001, accepted: 4000, rejected: 1 });
  expect(JSON.parse(readFileSync(`${long}.errors.ndjson`, 'utf8'))).toMatchObject({
    line: 2002,
    code: 'payload_too_large',
  });
  expect(growthKib).toBeLessThanOrEqual(GROWTH_MAX_KIB);
});

test('a file eight times as long takes hardly more memory', async () => {
  const [short, long] = [
    fileWith('short.csv', `at,in\n${rows(0, 10_000)}`),
    fileWith('more.csv', `at,in\n${rows(0, 80_000)}`),
  ];
  const { answer, growthKib } = await compared(short, long, 2 * GROWTH_MAX_KIB);
  expect(answer).toMatchObject({ lines: 80_000, accepted: 80_000 });
  expect(growthKib).toBeLessThanOrEqual(2 * GROWTH_MAX_KIB);
});

test('an interrupted import says so, and goes on when it is run again', async () => {
  const file = fileWith('interrupted.csv', `at,in\n${rows(0, 20_000)}`);
  let asked = 0;
  const { child, ended } = start(file, '--concurrency', '1');
  server.instead = () => {
    if (++asked === 5) child.kill('SIGINT');
    return undefined;
  };
  const interrupted = await ended;
  expect(interrupted.code).toBe(3);
  expect(interrupted.answer).toMatchObject({ complete: false, error: { code: 'interrupted' } });
  expect(interrupted.answer['lines']).toBeLessThan(20_000);
  const { code, answer } = await start(file).ended;
  expect(code).toBe(0);
  expect(answer).toMatchObject({ complete: true, lines: 20_000, rejected: 0, conflicts: 0 });
});
