import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { NewEvent, StoredEvent } from '@drawdown/ports';
import { freePorts } from '../testing/ports';
import { threadFile } from '../thread';
import { openEventStoreDb } from './event-store';
import { eventually } from './testing/eventually';

/** How often the server is killed, each time after so many events more. */
const KILLS = 10;
const EVENTS_BETWEEN = 40;
/** A killed server has to load and to read its log, on a machine that others use. */
const WAIT_MAX_MS = 60_000;

const event = (): NewEvent => ({ id: randomUUID(), type: 'Tested', data: Buffer.alloc(5_000), metadata: {} });
const ids = (list: readonly NewEvent[]): string[] => list.map(({ id }) => id);

/** The double as a process, killed after the test. */
const processes: ChildProcess[] = [];
afterAll(() => {
  for (const child of processes) child.kill('SIGKILL');
});
const startProcess = async (data: string, port = 0): Promise<{ child: ChildProcess; url: string; port: number }> => {
  const main = threadFile(path.join(__dirname, 'testing'), 'main');
  const child = spawn(process.execPath, [main, '--data', data, '--port', String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  processes.push(child);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return { child, ...(JSON.parse(line) as { url: string; port: number }) };
};

test('FLT-20: a server that is killed again and again under load has lost nothing it acknowledged, and doubled nothing', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'drawdown-'));
  const [port = 0] = await freePorts(1); // of those that nobody's connections are given while it is down
  let server = await startProcess(folder, port);
  const store = openEventStoreDb(server.url, { patience: { appendMs: 2_000, readMs: 2_000, silenceMs: 1_000 } });
  const seen: StoredEvent[] = [];
  const abort = new AbortController();
  const followed = (async () => {
    for await (const page of store.followAll(-1, ['s-'], abort.signal)) seen.push(...page);
  })();
  const written = Array.from({ length: 4 }, () => Array.from({ length: KILLS * 20 }, event));
  let running = true;
  const write = async (list: NewEvent[], stream: string): Promise<void> => {
    for (let next = 0; next < list.length; next += 2) {
      await eventually(() => store.append(stream, next, list.slice(next, next + 2)), WAIT_MAX_MS);
    }
  };
  const kill = async (): Promise<void> => {
    for (let kills = 0; kills < KILLS && running; kills++) {
      const target = seen.length + EVENTS_BETWEEN;
      await eventually(async () => {
        if (seen.length < target && running) throw new Error('not yet');
      }, WAIT_MAX_MS);
      server.child.kill('SIGKILL');
      await once(server.child, 'exit');
      server = await startProcess(folder, server.port);
    }
  };
  const killing = kill();
  await Promise.all(written.map((list, writer) => write(list, `s-${String(writer)}`)));
  running = false;
  await killing;
  for (const [writer, list] of written.entries()) {
    expect(ids(await eventually(() => store.read(`s-${String(writer)}`, 0, 1_000)))).toEqual(ids(list));
  }
  const all = await store.readAll(-1, 10_000, ['s-']);
  await eventually(async () => expect(seen).toHaveLength(all.length));
  expect(seen).toEqual(all);
  abort.abort();
  await followed;
  await store.close();
});

test('the double as a process ends on SIGTERM with code 0', async () => {
  const { child } = await startProcess(mkdtempSync(path.join(tmpdir(), 'drawdown-')));
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});
