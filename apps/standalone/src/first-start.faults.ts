import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { freePorts } from '@drawdown/adapters/testing/ports';
import { ROOT, ServerProcess } from './testing/server-process';
import { until } from './testing/until';

/** What is promised of two cores that do nothing else. */
const READY_MS = 10_000;
const WAIT_MAX_MS = 180_000;
const STOP_MAX_MS = 10_000;
/** The last line of what it says at its start. */
const ALL_IS_SAID = 'Stop with Ctrl-C';
const NEW_KEY = /The first admin key, shown only now: (\S+)/;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-first-start-'));
});
afterEach(async () => {
  await ServerProcess.endAll();
  rmSync(folder, { recursive: true, force: true });
});

/** What `npm start` gives to node, as package.json has it. */
const words = (): readonly string[] => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const [exec, program, ...rest] = (scripts['start'] ?? '').split(' ');
  expect([exec, program]).toEqual(['exec', 'node']);
  return rest;
};

/** What it says is not well, other than that the machine gave it no time for a moment. */
const lackingAt = async ({ url }: ServerProcess): Promise<readonly string[]> => {
  const { checks } = (await (await fetch(`${url}/readyz`)).json()) as {
    readonly checks: Readonly<Record<string, { readonly reason: string | null }>>;
  };
  const reasons = Object.entries(checks).map(([name, { reason }]) => (reason === null ? '' : `${name}: ${reason}`));
  return reasons.filter((reason) => reason !== '' && !/event loop was blocked|no answer within/.test(reason));
};

/** Starts it with nothing set but where its data lies and where it listens. */
const started = async (): Promise<ServerProcess> => {
  const nothing = { DRAWDOWN_ADMIN_KEY: '', DRAWDOWN_SAMPLE: '', DRAWDOWN_TEST_CLOCKS: '' };
  const dataFolder = path.join(folder, 'data');
  const server = await ServerProcess.spawn({ dataFolder, environment: nothing, words: words() });
  const tookMs = await until('it says that it is ready', WAIT_MAX_MS, () => server.output.includes(ALL_IS_SAID));
  expect(server.output).toContain(`Drawdown is ready at ${server.url}\n`);
  expect(await lackingAt(server)).toEqual([]); // it is not said too early
  await server.ready();
  const most = READY_MS * allowance();
  process.stdout.write(`first start: ready after ${tookMs.toFixed(0)} ms (at most ${most.toFixed(0)} here)\n`);
  expect(tookMs).toBeLessThan(most);
  return server;
};

const stopped = async (server: ServerProcess): Promise<void> => {
  process.kill(server.pid, 'SIGTERM');
  expect(await server.withinTime(STOP_MAX_MS)).toEqual({ code: 0, signal: null });
};

/** The command that is printed under a heading, as it would be marked and copied. */
const commandUnder = ({ output }: ServerProcess, heading: string): string => {
  const [, after = ''] = output.split(`  ${heading}:\n`);
  const [command = ''] = after.split('\n\n');
  expect(command.trim()).toMatch(/^curl /);
  return command;
};
/** Pastes a command into a shell of its own that has nothing set besides what is given; the answer is JSON. */
const paste = (command: string, set: Readonly<Record<string, string>> = {}): Record<string, unknown> => {
  const env = { PATH: process.env['PATH'], ...set };
  return JSON.parse(
    execFileSync('bash', ['-c', command], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }),
  ) as Record<string, unknown>;
};
const settledIn = (wallet: Readonly<Record<string, unknown>>): string =>
  (wallet['balance'] as { readonly settled: string }).settled;

const hasCurl = spawnSync('curl', ['--version']).status === 0;
if (!hasCurl) process.stdout.write('there is no curl here: skipped: the commands that `npm start` prints\n');

(hasCurl ? test : test.skip)(
  '`npm start` in an empty folder: ready in time, the key is said once, both commands work when pasted, and all is kept',
  async () => {
    const server = await started();
    const key = NEW_KEY.exec(server.output)?.[1] ?? '';
    expect(key).not.toBe('');
    expect(settledIn(paste(commandUnder(server, 'Read the balance')))).toBe('1000');
    const reported = paste(commandUnder(server, 'Report usage'));
    // 1,200 tokens at 300 credits a million, and 310 at 1,500.
    expect(reported).toMatchObject({ results: [{ outcome: 'charged', credits_debited: '0.825' }] });
    expect(settledIn(paste(commandUnder(server, 'Read the balance')))).toBe('999.175');
    await stopped(server);

    const again = await started();
    expect(again.output).not.toMatch(NEW_KEY);
    expect(again.output).not.toContain(key);
    // What stands for the key is a variable, which whoever kept the key has set.
    const kept = { KEY: key };
    expect(settledIn(paste(commandUnder(again, 'Read the balance'), kept))).toBe('999.175');
    expect(paste(commandUnder(again, 'Read the balance'))).toMatchObject({ code: 'unauthenticated' });
    expect(paste(commandUnder(again, 'Report usage'), kept)).toMatchObject({ results: [{ outcome: 'charged' }] });
    await stopped(again);
  },
);

test('SIGTERM to `npm start` stops the server as Ctrl-C does: npm hands it on, and ends when the server has ended', async () => {
  const [port = 0] = await freePorts(1);
  const { PATH, HOME } = process.env;
  const environment = { PATH, HOME, DRAWDOWN_DATA: path.join(folder, 'data'), PORT: String(port) };
  const npm = spawn('npm', ['start'], { cwd: ROOT, env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => npm.once('exit', (code, signal) => resolve({ code, signal })));
  let output = '';
  npm.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const answers = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${String(port)}/livez`).then(
      ({ ok }) => ok,
      () => false,
    );
  try {
    await until('it says that it is ready', WAIT_MAX_MS, () => output.includes(ALL_IS_SAID));
    expect(await answers()).toBe(true);
    npm.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(await answers()).toBe(false);
  } finally {
    npm.kill('SIGKILL');
  }
});
