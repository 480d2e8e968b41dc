import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { headOf, must, send } from './testing/api';
import { checkBooks, endLoads, outcomes, startLoad } from './testing/load/scene';
import { metricSum } from './testing/metrics';
import { mayMountDisk, type Room, shortFiles, smallDisk } from './testing/room';
import { ADMIN_KEY, ServerProcess } from './testing/server-process';
import { until } from './testing/until';

const CLIENTS = 6;
const TIMES = 2;
/** Operations before the space goes. */
const LOAD = 150;
/** Until what was left is used up: the log overwrites parts of its files before it needs more. */
const FULL_MAX_MS = 60_000;
/** FLT-24. */
const BACK_MAX_MS = 30_000;

const say = (line: string): void => {
  process.stdout.write(`disk: ${line}\n`);
};

let folder: string;
let room: Room | undefined;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-disk-'));
});
afterEach(async () => {
  await ServerProcess.endAll();
  await endLoads();
  room?.remove();
  room = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** Why the ledger cannot work; null where it can. */
const ledgerTrouble = async (url: string): Promise<string | null | undefined> => {
  const { status, body } = await send(`${url}/readyz`, 'GET');
  const checks = body['checks'] as Record<string, { readonly ok: boolean; readonly reason: string | null }>;
  if (status === 200) return null;
  return checks['ledger']?.reason;
};

/** What the disk is asked to take for an organization of its own: as many as were acknowledged must be there at the end. */
class Probe {
  private sent = 0;
  private acknowledged = 0;

  constructor(private readonly url: string) {}

  async prepare(): Promise<void> {
    await must(`${this.url}/v1/organizations`, 'POST', { id: 'probe', name: 'Probe', preset: 'enterprise' });
  }

  /** A grant that nobody repeats, small enough for what a larger one has left unused: unavailable, sooner or later. */
  async isRefused(): Promise<boolean> {
    const { status, headers } = await fetch(`${this.url}/v1/organizations/probe/wallets/credits/grants`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ADMIN_KEY}`,
        'content-type': 'application/json',
        'idempotency-key': `while-full-${String(++this.sent)}`,
      },
      body: JSON.stringify({ credit_type: 'purchased', amount: '77', reason: 'there may be no room for it' }),
    });
    if (status === 201) this.acknowledged += 1;
    else expect({ status, retryAfter: headers.get('retry-after') }).toEqual({ status: 503, retryAfter: expect.stringMatching(/^\d+$/) as string }); // prettier-ignore
    return status === 503;
  }

  async check(): Promise<void> {
    const wallet = await must(`${this.url}/v1/organizations/probe/wallets/credits`, 'GET');
    expect(wallet['balance']).toMatchObject({ settled: String(77 * this.acknowledged) });
  }
}

const isReady = async (url: string): Promise<boolean> => (await send(`${url}/readyz`, 'GET')).status === 200;

const withoutRoom = async ({ folder: dataFolder, take, give }: Room): Promise<void> => {
  const server = await ServerProcess.start({ dataFolder: path.join(dataFolder, 'data') });
  const { url, pid } = server;
  const { generator, journal } = await startLoad(url, folder, CLIENTS);
  const probe = new Probe(url);
  await probe.prepare();
  for (let time = 1; time <= TIMES; time++) {
    const { begun } = generator;
    await until('there is load', 60_000, () => generator.begun > begun + LOAD);
    take(pid);
    const fullMs = await until('readiness is red', FULL_MAX_MS, async () => (await ledgerTrouble(url)) !== null);
    await until('a grant is refused', FULL_MAX_MS, () => probe.isRefused());
    // Between two attempts to store it has only read, and complains of nothing.
    await until('it says why', FULL_MAX_MS, async () => /nothing was stored/.test((await ledgerTrouble(url)) ?? ''));
    expect(await metricSum(url, 'append_total', 'outcome="failed"')).toBeGreaterThanOrEqual(time);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    give(pid);
    const backMs = await until('it is ready', BACK_MAX_MS, () => isReady(url));
    say(`full after ${fullMs.toFixed(0)} ms, ready ${backMs.toFixed(0)} ms after there was room`);
  }
  await generator.stop();
  const journaled = journal.read();
  say(`${String(journaled.length)} operations: ${outcomes(journaled)}`);
  const read = `${url}/v1/organizations/rich-1/transactions?after=${await headOf(url, 'rich-1')}`;
  await until('the read models are level', BACK_MAX_MS, async () => (await send(read, 'GET')).status === 200);
  await checkBooks(url, journaled);
  await probe.check();
  expect((await server.stop()).code).toBe(0);
};

const onDisk = mayMountDisk('FLT-24, a full disk (the limit on files, below, is tested)') ? test : test.skip;

onDisk(
  `FLT-24: on a disk that is full ${String(TIMES)} times under load nothing is lost, and the process goes on by itself`,
  async () => {
    room = smallDisk(folder);
    await withoutRoom(room);
  },
  400_000,
);

test(`FLT-24: nor where no file may grow, ${String(TIMES)} times under load`, async () => {
  room = shortFiles(folder);
  await withoutRoom(room);
}, 400_000);
