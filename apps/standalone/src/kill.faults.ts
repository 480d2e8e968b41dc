import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { repeated } from './testing/load/audit';
import { checkBooks, endLoads, outcomes, startLoad } from './testing/load/scene';
import { startedAt } from './testing/metrics';
import { type ServerOptions, ServerProcess } from './testing/server-process';

/** The catalogue of faults has 100 (GROUP_KILLS=100, some eight minutes); that is too long for every change. */
const FULL = 100;
const KILLS = Number(process.env['GROUP_KILLS'] ?? FULL / 10);
const CLIENTS = 8;
/** Between being ready and being killed. */
const LIFE_MS = { least: 150, most: 1_500 };
/** From the catalogue of faults: 20 s and the start of the store, which is in the same process. */
const BACK_MS = 20_000;
/** For all of it: a kill, a start, and now and then another start that is killed. */
const KILLED_MAX_MS = 120_000 + KILLS * 30_000;
const STOP_MAX_MS = 10_000;
/** A process has to load before it can refuse. */
const REFUSED_MAX_MS = 60_000;
/** Repeating everything would take as long as the load itself. */
const REPEATED = 300;

const say = (line: string): void => {
  process.stdout.write(`kill: ${line}\n`);
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-kill-'));
});
afterEach(async () => {
  await ServerProcess.endAll();
  await endLoads();
  rmSync(folder, { recursive: true, force: true });
});

const start = async (environment: ServerOptions['environment'] = {}) => {
  const dataFolder = path.join(folder, 'data');
  const server = await ServerProcess.start({ dataFolder, environment });
  return { dataFolder, server, ...(await startLoad(server.url, folder, CLIENTS)) };
};

/** A start that is killed, too: it must not have taken anything halfway. */
const killWhileStarting = async (options: ServerOptions, afterMs: number): Promise<void> => {
  const server = await ServerProcess.spawn(options);
  await sleep(afterMs);
  await server.kill();
};

test(
  `FLT-06: killed ${String(KILLS)} times under load, it is back in time each time and has what it acknowledged, once`,
  async () => {
    if (KILLS < FULL) say(`GROUP_KILLS=${String(FULL)} kills as often as the catalogue of faults`);
    const { seeded, dataFolder, server: first, journal, generator } = await start();
    const { port, url } = first;
    const starts = [await startedAt(url)];
    const back: number[] = [];
    let killedWhileStarting = 0;
    let server = first;
    for (let kill = 1; kill <= KILLS; kill++) {
      await sleep(LIFE_MS.least + seeded.below(LIFE_MS.most - LIFE_MS.least));
      await server.kill();
      if (seeded.below(3) === 0) {
        await killWhileStarting({ dataFolder, port }, seeded.below(LIFE_MS.most));
        killedWhileStarting += 1;
      }
      const from = performance.now();
      server = await ServerProcess.start({ dataFolder, port });
      back.push(performance.now() - from);
      expect(back.at(-1)).toBeLessThan(BACK_MS * allowance());
      starts.push(await startedAt(url));
    }
    await generator.stop();
    const journaled = journal.read();
    say(`${String(journaled.length)} operations: ${outcomes(journaled)}`);
    say(`${String(KILLS)} kills, ${String(killedWhileStarting)} more of a start; ${quantiles(back)}`);
    expect(new Set(starts).size).toBe(KILLS + 1); // what DrawdownRestarting counts
    await checkBooks(url, journaled);

    const refused = journaled.filter(({ reply }) => (reply?.status ?? 0) >= 400);
    const others = journaled.filter(({ reply }) => (reply?.status ?? 0) < 400).slice(-REPEATED);
    expect(await repeated(url, [...refused.slice(-REPEATED), ...others])).toEqual([]);
    await checkBooks(url, journaled); // the repetitions had no effect either
  },
  KILLED_MAX_MS,
);

const quantiles = (times: readonly number[]): string => {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (part: number): string => ((sorted[Math.floor(part * (sorted.length - 1))] ?? NaN) / 1000).toFixed(1);
  return `back after ${at(0.5)} s (half of them), the slowest after ${at(1)} s`;
};

test('FLT-09: stopped under load, it ends in time with code 0 and loses nothing', async () => {
  const { dataFolder, server, journal, generator } = await start({ DRAWDOWN_LOG_LEVEL: 'info' });
  await sleep(LIFE_MS.most);
  const begun = performance.now();
  const stopping = server.stop();
  const exit = await stopping;
  const tookMs = performance.now() - begun;
  say(`stopped in ${tookMs.toFixed(0)} ms`);
  const again = await ServerProcess.start({ dataFolder, port: server.port });
  await generator.stop();
  await checkBooks(again.url, journal.read());
  expect(exit).toEqual({ code: 0, signal: null });
  expect(tookMs).toBeLessThan(STOP_MAX_MS * allowance()); // in time by its own clock: else the code is 1
  const drained = /"seconds":([\d.]+),"msg":"what was accepted is finished"/.exec(server.output)?.[1];
  expect(Number(drained)).toBeLessThanOrEqual(tookMs / 1000);
});

test('a second process on the same data folder ends at once and says who holds it', async () => {
  const dataFolder = path.join(folder, 'data');
  const holder = await ServerProcess.start({ dataFolder });
  const second = await ServerProcess.spawn({ dataFolder });
  const { code } = await second.withinTime(REFUSED_MAX_MS);
  expect(code).toBeGreaterThan(0);
  expect(second.output).toContain(dataFolder);
  expect(second.output).toContain(`process ${String(holder.pid)}`);
  await holder.ready();
});
