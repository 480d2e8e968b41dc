import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { insist, send } from './testing/api';
import { makeOrganizations, usageOf, walletOf } from './testing/forms/organizations';
import { parts } from './testing/load/audit';
import { EVENTS, Flood, MILLIONTH, MILLIONTH_NANOS } from './testing/load/flood';
import { metricSum, residentBytes } from './testing/metrics';
import { ServerProcess } from './testing/server-process';
import { until } from './testing/until';

/** The catalogue of faults has 60 s (OVERLOAD_S=60); the queues are full after two. */
const FULL_S = 60;
const OVERLOAD_S = Number(process.env['OVERLOAD_S'] ?? 5);
/** So many have the process busy all the time. */
const SUSTAINED = 4;
/** As long as the overload: what is charged makes a process grow, too (60 s without overload: by 200 MiB). */
const SUSTAINED_MS = 1_000 * OVERLOAD_S;
/** So many at once are more than it takes in hand. */
const CONNECTIONS = 120;
/** What a role has. One process is all of them, and a ledger and read models besides: so much may come on top of those. */
const MEMORY_MAX_BYTES = 512 * 1024 * 1024;
/** From the end of the overload. */
const NORMAL_MAX_MS = 30_000;
/** Requests of which the 99th percentile is taken. */
const WINDOW = 60;
/** Below that it is normal, whatever it was before. */
const QUICK_MS = 100;
const USAGE_TYPE = { 'content-type': 'application/cloudevents+json' };
const GRANTED = parts('1000');

const say = (line: string): void => {
  process.stdout.write(`overload: ${line}\n`);
};

let folder: string;
let flood: Flood | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-overload-'));
});
afterEach(async () => {
  await ServerProcess.endAll();
  await flood?.abandon();
  rmSync(folder, { recursive: true, force: true });
});

/** One who sends one event at a time, and waits for it. */
class Caller {
  /** Events that were charged. */
  charged = 0;
  private made = 0;

  constructor(
    private readonly url: string,
    private readonly organization: string,
  ) {}

  /** The 99th percentile of so many requests in milliseconds. */
  async p99(): Promise<number> {
    const times: number[] = [];
    for (let n = 0; n < WINDOW; n++) times.push(await this.call());
    return times.sort((a, b) => a - b)[Math.ceil(0.99 * WINDOW) - 1] ?? NaN;
  }

  /** Infinite where it was refused. */
  private async call(): Promise<number> {
    const usage = { ...usageOf(this.organization, `call-${String((this.made += 1))}`, 0), data: MILLIONTH };
    const from = performance.now();
    const { status } = await send(`${this.url}/v1/events?wait=charged`, 'POST', usage, USAGE_TYPE);
    if (status === 503) return Infinity;
    expect(status).toBe(200);
    this.charged += 1;
    return performance.now() - from;
  }
}

test(
  `FLT-80: more than it can charge for ${String(OVERLOAD_S)} s: the excess is refused with Retry-After, what was accepted is charged once, and memory has a bound`,
  async () => {
    if (OVERLOAD_S < FULL_S) say(`OVERLOAD_S=${String(FULL_S)} lasts as long as the catalogue of faults says`);
    const { url, port } = await ServerProcess.start({ dataFolder: path.join(folder, 'data') });
    const [organization = ''] = await makeOrganizations(url, 1);
    const caller = new Caller(url, organization);
    const sustained = new Flood({ port, organization, data: MILLIONTH, connections: SUSTAINED });
    flood = sustained;
    await sleep(SUSTAINED_MS);
    const sustainable = (1_000 * sustained.taken) / SUSTAINED_MS;
    await sustained.stop();
    expect(sustained.refusals).toBe(0);
    const p99Before = await caller.p99();
    const memoryBefore = await residentBytes(url);

    const flooding = new Flood({ port, organization, data: MILLIONTH, connections: CONNECTIONS });
    flood = flooding;
    let memoryMost = 0;
    for (const end = performance.now() + 1_000 * OVERLOAD_S; performance.now() < end; await sleep(500)) {
      memoryMost = Math.max(memoryMost, await residentBytes(url));
    }
    await until('some are refused', NORMAL_MAX_MS * allowance(), () => flooding.refusals > 0);
    const [taken, offered] = [flooding.taken, flooding.taken + flooding.refusals];
    const from = performance.now();
    const rest = flooding.stop();
    let p99After = Infinity;
    const limit = (): number => Math.max(QUICK_MS, 2 * p99Before) * allowance();
    await until('the others are served as before', NORMAL_MAX_MS * allowance(), async () => {
      p99After = await caller.p99();
      return p99After <= limit();
    });
    const normalMs = performance.now() - from;
    memoryMost = Math.max(memoryMost, await residentBytes(url));
    await rest;

    const mib = (bytes: number): string => (bytes / 1024 ** 2).toFixed(0);
    const perSecond = (requests: number): string => (requests / OVERLOAD_S).toFixed(0);
    say(`${sustainable.toFixed(0)} requests/s from ${String(SUSTAINED)} connections; from ${String(CONNECTIONS)}:`);
    say(`${perSecond(offered)} offered and ${perSecond(taken)} taken; ${JSON.stringify([...flooding.refused])}`);
    say(`p99 ${p99Before.toFixed(0)} ms before, ${p99After.toFixed(0)} ms ${(normalMs / 1_000).toFixed(1)} s after`);
    say(`memory ${mib(memoryBefore)} MiB before, ${mib(memoryMost)} at most`);
    expect([...flooding.refused.keys()]).toEqual(['503, Retry-After 1']);
    expect(memoryMost - memoryBefore).toBeLessThan(MEMORY_MAX_BYTES);

    const events = EVENTS * (sustained.taken + flooding.taken) + caller.charged;
    const wallet = await walletOf(url, organization, insist);
    expect(GRANTED - parts(wallet.settled)).toBe(MILLIONTH_NANOS * BigInt(events));
    const query = `by=workspace&period=all&after=${wallet.position}`;
    // Read models have a backlog to write first, and a read that waits too long for its turn is told to come again.
    const { total } = await insist(`${url}/v1/organizations/${organization}/breakdown?${query}`, 'GET');
    expect(parts(total)).toBe(MILLIONTH_NANOS * BigInt(events));
    expect(await metricSum(url, 'intake_events_total', 'outcome="charged"')).toBe(events);
    const overloaded = await Promise.all(['http', 'ledger'].map((who) => metricSum(url, `${who}_overloaded_total`)));
    expect((overloaded[0] ?? 0) + (overloaded[1] ?? 0)).toBeGreaterThanOrEqual(flooding.refusals);
  },
  180_000 + 5_000 * OVERLOAD_S,
);
