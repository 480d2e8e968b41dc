import { type Cluster, startCluster } from '@drawdown/adapters/cluster/testing/cluster';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { insist } from './testing/api';
import { makeOrganizations, usageOf, walletOf } from './testing/forms/organizations';
import { parts } from './testing/load/audit';
import { EVENTS, Flood, MILLIONTH, MILLIONTH_NANOS } from './testing/load/flood';
import { residentBytes } from './testing/metrics';
import { ADMIN_KEY } from './testing/server-process';

/** The catalogue of faults has 60 s (OVERLOAD_S=60). */
const FULL_S = 60;
const OVERLOAD_S = Number(process.env['OVERLOAD_S'] ?? 3);
/** Many more than are charged within the time for an answer; each is sent again until it was taken. */
const CONNECTIONS = 40;
/** What a role has. */
const MEMORY_MAX_MIB = 512;
const USAGE_TYPE = { 'content-type': 'application/cloudevents+json' };
const GRANTED = parts('1000');

const say = (line: string): void => {
  process.stdout.write(`overload: ${line}\n`);
};

let folder: string;
let cluster: Cluster;
let flood: Flood | undefined;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-overload-'));
  chmodSync(folder, 0o711); // PostgreSQL runs as somebody else where root starts it
  cluster = await startCluster({ folder, shards: 2, workers: 1, adminKey: ADMIN_KEY });
}, 240_000);
afterAll(async () => {
  await flood?.abandon();
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

/** The most that each process has had in memory, in MiB by its name. */
class Memory {
  readonly most = new Map<string, number>();

  async look(): Promise<void> {
    for (const app of cluster.apps) {
      const mib = (await residentBytes(app.url)) / 1024 ** 2;
      this.most.set(app.name, Math.max(this.most.get(app.name) ?? 0, Math.round(mib)));
    }
  }
}

test(
  `FLT-80: under more than is charged for ${String(OVERLOAD_S)} s no role takes more than ${String(MEMORY_MAX_MIB)} MiB, and what was accepted is charged once`,
  async () => {
    if (OVERLOAD_S < FULL_S) say(`OVERLOAD_S=${String(FULL_S)} lasts as long as the catalogue of faults says`);
    const [organization = ''] = await makeOrganizations(cluster.url, 1);
    const memory = new Memory();
    await memory.look();
    say(`MiB before: ${JSON.stringify(Object.fromEntries(memory.most))}`);
    const port = Number(new URL(cluster.url).port);
    const flooding = (flood = new Flood({ port, organization, data: MILLIONTH, connections: CONNECTIONS }));
    for (const end = performance.now() + 1_000 * OVERLOAD_S; performance.now() < end; await sleep(500)) {
      await memory.look();
    }
    const [taken, refused] = [flooding.taken, flooding.refusals];
    // Comes to an end only where each is answered in time at last: nothing is decided for nobody, over and over.
    await flooding.stop();
    await memory.look();
    say(`${String(taken + refused)} requests of ${String(EVENTS)} offered, ${String(taken)} taken`);
    say(`MiB at most: ${JSON.stringify(Object.fromEntries(memory.most))}`);
    expect([...flooding.refused.keys()]).toEqual(['503, Retry-After 1']);
    const last = { ...usageOf(organization, 'last', 0), data: MILLIONTH };
    // Decided after all of them, so that what is shown with it has them, and whatever was charged twice.
    const { position } = await insist(`${cluster.url}/v1/events?wait=charged`, 'POST', last, USAGE_TYPE);
    const wallet = await walletOf(cluster.url, organization, insist, String(position));
    const events = EVENTS * flooding.taken + 1;
    expect(GRANTED - parts(wallet.settled)).toBe(MILLIONTH_NANOS * BigInt(events));
    const query = `by=workspace&period=all&after=${wallet.position}`;
    const { total } = await insist(`${cluster.url}/v1/organizations/${organization}/breakdown?${query}`, 'GET');
    expect(parts(total)).toBe(MILLIONTH_NANOS * BigInt(events));
    expect([...memory.most].filter(([, mib]) => mib > MEMORY_MAX_MIB)).toEqual([]);
  },
  180_000 + 5_000 * OVERLOAD_S,
);
