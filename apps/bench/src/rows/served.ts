import { readFileSync } from 'node:fs';
import { measureJ } from '../denominators';
import { sendAll, type PreparedRequest } from '../load';
import { quantile, spreadOf } from '../rounds';
import type { Row, RowResult, RunOptions } from '../row';
import { fillServer, metricOf, type Server, startServer } from '../server';
import { measureH } from '../plain-http';
import { ORGANIZATIONS, organizationName, usageJson } from '../usage-sample';

const EVENTS_PER_REQUEST = 100;
const CONNECTIONS = 16;
const COMMIT_WAIT_MS = 120_000;

/** Distinct events, 100 a request, spread uniformly; made before the clock runs. */
const intakeRequests = (server: Server, count: number, first: number): PreparedRequest[] => {
  const time = new Date().toISOString();
  return Array.from({ length: count }, (_, request) => {
    const events = Array.from({ length: EVENTS_PER_REQUEST }, (__, i) => {
      const n = first + request * EVENTS_PER_REQUEST + i;
      return usageJson(n, organizationName((n * 7919) % ORGANIZATIONS), time);
    });
    return {
      method: 'POST',
      path: '/v1/events',
      headers: { ...server.headers, 'content-type': 'application/cloudevents-batch+json' },
      body: Buffer.from(`[${events.join(',')}]`),
    };
  });
};

const lagOf = (server: Server): Promise<number> => metricOf(server, 'drawdown_projection_lag_events');

/** Waits until every projector has committed everything. */
const untilCommitted = async (server: Server): Promise<void> => {
  const deadline = performance.now() + COMMIT_WAIT_MS;
  let calm = 0;
  while (calm < 3) {
    if (performance.now() > deadline) throw new Error('the read models did not catch up');
    calm = (await lagOf(server)) === 0 ? calm + 1 : 0;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
};

/** Resident memory of a process in MB (Linux; NaN elsewhere). */
const memoryOf = (pid: number | undefined): number => {
  try {
    const status = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  } catch {
    return NaN; // no /proc
  }
};

const intake = async (server: Server, { quick, progress }: RunOptions): Promise<RowResult[]> => {
  const perRound = quick ? 200 : 600;
  let first = 0;
  const round = async (): Promise<{ accepted: number; committed: number }> => {
    const requests = intakeRequests(server, perRound, first);
    first += perRound * EVENTS_PER_REQUEST;
    const events = perRound * EVENTS_PER_REQUEST;
    const started = performance.now();
    await sendAll(server.port, requests, CONNECTIONS);
    const accepted = (events / (performance.now() - started)) * 1000;
    await untilCommitted(server);
    return { accepted, committed: (events / (performance.now() - started)) * 1000 };
  };
  await round();
  const before = measureJ();
  const rounds: { accepted: number; committed: number }[] = [];
  for (let i = 0; i < (quick ? 2 : 5); i++) {
    progress(`  intake, round ${String(i + 1)}`);
    rounds.push(await round());
  }
  const after = measureJ();
  const J = (before + after) / 2;
  const denominators = [{ name: 'J', unit: 'events/s', before, after }];
  const appends = await metricOf(server, 'drawdown_ledger_events_total');
  const charges = await metricOf(server, 'drawdown_charges_total');
  const context = {
    connections: CONNECTIONS,
    organizations: ORGANIZATIONS,
    charges_per_event: Math.round(charges / Math.max(1, appends - 5 * ORGANIZATIONS)),
    memory_mb: Math.round(memoryOf(server.child.pid)),
  };
  const accepted = spreadOf(rounds.map((r) => r.accepted));
  const committed = spreadOf(rounds.map((r) => r.committed));
  return [
    {
      name: 'HTTP intake, 100 events a request: durable, projectors running',
      unit: 'J',
      ratio: spreadOf(accepted.rounds.map((rate) => rate / J)),
      gate: { at: 'least', value: 0.2 },
      aim: { at: 'least', value: 0.4 },
      denominators,
      context: { ...context, events_per_second: Math.round(accepted.median) },
    },
    {
      name: 'usage → all read models committed in PGlite (every transaction row included)',
      unit: 'J',
      ratio: spreadOf(committed.rounds.map((rate) => rate / J)),
      gate: null,
      aim: null,
      denominators,
      context: { ...context, events_per_second: Math.round(committed.median) },
    },
  ];
};

const balanceRead = async (server: Server, { quick }: RunOptions): Promise<RowResult[]> => {
  const count = quick ? 2_000 : 10_000;
  const reads = Array.from({ length: count }, (_, i): PreparedRequest => ({
    method: 'GET',
    path: `/v1/organizations/${organizationName((i * 7919) % ORGANIZATIONS)}/wallets/credits`,
    headers: server.headers,
    body: null,
  }));
  const sample = await fetch(server.url + (reads[0]?.path ?? ''), { headers: server.headers });
  const bodyBytes = (await sample.text()).length;
  await sendAll(server.port, reads.slice(0, 1_000), 8);
  const before = await measureH(bodyBytes, count);
  const latencies: number[] = [];
  const rates: number[] = [];
  for (let round = 0; round < (quick ? 3 : 5); round++) {
    latencies.push(quantile(await sendAll(server.port, reads, 1), 0.5));
    const started = performance.now();
    await sendAll(server.port, reads, 32);
    rates.push((count / (performance.now() - started)) * 1000);
  }
  const after = await measureH(bodyBytes, count);
  const p50 = (before.p50 + after.p50) / 2;
  const rate = (before.rate + after.rate) / 2;
  return [
    {
      name: 'balance read over HTTP, p50 at one connection',
      unit: '× H',
      ratio: spreadOf(latencies.map((latency) => latency / p50)),
      gate: { at: 'most', value: 2 },
      aim: { at: 'most', value: 1.3 },
      denominators: [{ name: 'H (p50)', unit: 'ms', before: before.p50, after: after.p50 }],
      context: { p50_ms: spreadOf(latencies).median, body_bytes: bodyBytes },
    },
    {
      name: 'balance read over HTTP, requests/s at 32 connections',
      unit: '× H',
      ratio: spreadOf(rates.map((own) => own / rate)),
      gate: { at: 'least', value: 0.5 },
      aim: { at: 'least', value: 0.8 },
      denominators: [{ name: 'H (rate)', unit: 'requests/s', before: before.rate, after: after.rate }],
      context: { requests_per_second: Math.round(spreadOf(rates).median), body_bytes: bodyBytes },
    },
  ];
};

const context = (name: string, unit: string, value: number, more: RowResult['context'] = {}): RowResult => ({
  name,
  unit,
  ratio: spreadOf([value]),
  gate: null,
  aim: null,
  denominators: [],
  context: more,
});

/** Everything that needs the running product: start-up, intake, commits, balance reads, memory. */
export const served: Row = {
  key: 'served',
  title: 'the running product: start, intake, read models, balance reads',
  run: async (options) => {
    const server = await startServer();
    try {
      const idle = memoryOf(server.child.pid);
      options.progress(
        `  started in ${server.startSeconds.toFixed(1)} s; making ${String(ORGANIZATIONS)} organizations`,
      );
      await fillServer(server);
      await untilCommitted(server);
      const rows = [...(await balanceRead(server, options)), ...(await intake(server, options))];
      return [
        context('start of an empty installation', 's', server.startSeconds, { gate: 'ready within 10 s' }),
        context('memory after the start, and at the end', 'MB', idle, {
          at_the_end: Math.round(memoryOf(server.child.pid)),
        }),
        ...rows,
      ];
    } finally {
      await server.stop();
    }
  },
};
