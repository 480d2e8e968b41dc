import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkBooks } from './testing/real-input/check-books';
import { type Expected, expectedOf, requestsOf, text } from './testing/real-input/oracle';
import {
  advance,
  type Books,
  FIRST_IMPORT_AT,
  LATER,
  numbers,
  prepare,
  readBooks,
  SECOND_IMPORT_AT,
  startImport,
  summaryOf,
} from './testing/real-input/scene';
import { type UsageFiles, usageFilesIn } from './testing/real-input/usage-files';
import { Seeded } from './testing/seeded';
import { freePort, ServerProcess } from './testing/server-process';

const KILLS = 5;
const say = (line: string): void => {
  process.stdout.write(`real input: ${line}\n`);
};

let folder: string;
let files: UsageFiles;
let lineCounts: { readonly conversation: number; readonly code: number };
let expected: ReadonlyMap<number, Expected>;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-real-'));
  files = usageFilesIn(path.join(folder, 'once'));
  if (!files.real) {
    say(
      'SKIPPED with real data: it is not there (DRAWDOWN_REAL_DATA). The same is checked with generated rows instead.',
    );
  }
  const [first, second] = [requestsOf(files.conversation), requestsOf(files.code)];
  lineCounts = { conversation: first.length, code: second.length };
  expected = new Map(numbers.map((n) => [n, expectedOf(n, first, second)]));
});
afterEach(() => ServerProcess.endAll());
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Everything but `as_of`, whose position may be later in another store. */
const sums = (books: ReadonlyMap<number, Books>) =>
  [...books].map(([n, { wallet, lots, breakdown, burn }]) => [
    n,
    [wallet, breakdown, burn].map(({ as_of: _, ...rest }) => rest),
    lots.map(({ remaining, state }) => [remaining, state]),
  ]);

/** Imports both files, the clock moving on in between; answers the position that covers everything. */
const importBoth = async (
  url: string,
  clock: string,
  importing: (file: string) => Promise<Record<string, unknown>>,
): Promise<string> => {
  await advance(url, clock, FIRST_IMPORT_AT);
  const first = await importing(files.conversation);
  await advance(url, clock, SECOND_IMPORT_AT);
  const second = await importing(files.code);
  expect([first['lines'], second['lines']]).toEqual([lineCounts.conversation, lineCounts.code]);
  for (const summary of [first, second])
    expect(summary).toMatchObject({ complete: true, rejected: 0, conflicts: 0, quarantined: 0 });
  return String(second['position'] ?? first['position']);
};

let undisturbed: unknown;

test('every organization is charged to the last nano-credit, and importing again changes nothing', async () => {
  const server = await ServerProcess.start({ dataFolder: path.join(folder, 'once-data') });
  const clock = await prepare(server.url);
  const importing = async (file: string, ...words: string[]) =>
    summaryOf(await startImport(server.url, file, ...words).ended);
  const begun = performance.now();
  const position = await importBoth(server.url, clock, async (file) => importing(file));
  const seconds = (performance.now() - begun) / 1000;
  const books = await readBooks(server.url, position);
  checkBooks(books, expected, SECOND_IMPORT_AT);

  for (const file of [files.conversation, files.code]) {
    const again = await importing(file, '--restart');
    expect(again).toMatchObject({ accepted: 0, duplicates: again['lines'], rejected: 0, conflicts: 0 });
  }
  const booksAgain = await readBooks(server.url, position);
  expect(booksAgain).toEqual(books); // positions included: nothing was written

  await advance(server.url, clock, LATER);
  checkBooks(await readBooks(server.url, position), expected, LATER);
  undisturbed = sums(books);
  const all = [...expected.values()];
  const total = all.reduce((sum, { consumed }) => sum + consumed, 0n);
  const [inDebt, expiring] = [all.filter(({ debt }) => debt > 0n), all.filter(({ expired }) => expired > 0n)];
  const twoEmpty = all.filter(({ remaining }) => remaining.filter((left) => left === 0n).length >= 2);
  say(
    `${files.real ? 'Azure LLM trace 2023' : 'generated rows'}: ${String(lineCounts.conversation)} + ${String(lineCounts.code)} lines in ${seconds.toFixed(1)} s`,
  );
  say(
    `${String(numbers.length)} organizations exact to 10⁻⁹ (balances, lots, workspaces, burn rate at two moments); ${text(total)} credits`,
  );
  say(
    `in debt ${String(inDebt.length)}, with credits that expired in between ${String(expiring.length)}, two lots or more empty ${String(twoEmpty.length)}`,
  );
});

test(`server and importer killed ${String(KILLS)} times end in exactly the same books`, async () => {
  const seeded = Seeded.fresh();
  say(`kills: SEED=${String(seeded.seed)}`);
  const own = usageFilesIn(path.join(folder, 'killed'));
  files = { ...own };
  const [dataFolder, port] = [path.join(folder, 'killed-data'), await freePort()];
  let server = await ServerProcess.start({ dataFolder, port });
  const { url } = server;
  const clock = await prepare(url);
  const total = lineCounts.conversation + lineCounts.code;
  // In lines acknowledged: kills fall between and into requests, as the delay after it says.
  const moments = Array.from({ length: KILLS }, () => seeded.below(total)).sort((a, b) => a - b);
  let before = 0;
  const position = await importBoth(url, clock, async (file) => {
    const lines = file === own.conversation ? lineCounts.conversation : lineCounts.code;
    let importer = startImport(url, file, '--concurrency', '2');
    for (const moment of moments.splice(0, moments.filter((at) => at < before + lines).length)) {
      await untilLine(file, moment - before, importer.ended);
      await sleep(seeded.below(60));
      const victim = seeded.pick(['server', 'importer', 'both'] as const);
      say(`kill -9 of ${victim} after line ${String(moment - before)} of ${path.basename(file)}`);
      if (victim !== 'server') importer.kill();
      if (victim !== 'importer') await server.kill();
      if (victim !== 'importer') server = await ServerProcess.start({ dataFolder, port });
      if (victim !== 'server') {
        await importer.ended;
        importer = startImport(url, file, '--concurrency', '2');
      }
    }
    before += lines;
    return summaryOf(await importer.ended);
  });
  const books = await readBooks(url, position);
  checkBooks(books, expected, SECOND_IMPORT_AT);
  if (undisturbed !== undefined) expect(sums(books)).toEqual(undisturbed);
});

/** Waits until the importer's state says that a line is done, or the importer has ended. */
const untilLine = async (file: string, line: number, ended: Promise<unknown>): Promise<void> => {
  let isOver = false;
  const over = ended.then(() => {
    isOver = true;
  });
  while (!isOver && lineReached(`${file}.drawdown-import.json`) < line) await Promise.race([over, sleep(5)]);
};

const lineReached = (stateFile: string): number => {
  try {
    const state = JSON.parse(readFileSync(stateFile, 'utf8')) as { readonly next: { readonly line: number } };
    return state.next.line;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0; // not begun yet
    throw error;
  }
};
