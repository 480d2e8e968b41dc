import { readFileSync } from 'node:fs';
import { measureJ, valueOf } from '../denominators';
import { EVENTS_PER_REQUEST, INTAKE_CONNECTIONS, intakeRequests } from '../intake-requests';
import { sendAll, type PreparedRequest } from '../load';
import { measureS, type Stored } from '../raw-log';
import { quantile, spreadOf } from '../rounds';
import type { Row, RowResult, RunOptions } from '../row';
import { fillServer, metricOf, type Server, startServer } from '../server';
import { measureH } from '../plain-http';
import { ORGANIZATIONS, organizationName } from '../usage-sample';

const COMMIT_WAIT_MS = 120_000;

/** Reads that are answered from the rows of balances, breakdown and burn rate; who owns the ledger answers lots from memory. */
const AMOUNTS = ['holds', 'breakdown?by=workspace', 'burn-rate?wallet=credits'];
const EVERYTHING = [...AMOUNTS, 'burndown?wallet=credits', 'transactions'];
const ASK_EVERY_MS = 20;

/** What every read says. */
interface Document {
  readonly as_of: { readonly position: string };
}

/** Answers a document of the API, or undefined where the read model is not that far yet. */
const readOf = async ({ url, headers }: Server, path: string): Promise<Document | undefined> => {
  const response = await fetch(url + path, { headers });
  if (response.status === 503) return undefined;
  if (!response.ok) throw new Error(`GET ${path}: ${String(response.status)} ${await response.text()}`);
  return (await response.json()) as Document;
};

/** Waits until reads answer from rows that cover everything stored so far: the log is one shard, whose end any balance tells. */
const untilCommitted = async (server: Server, reads: readonly string[]): Promise<void> => {
  const organization = `/v1/organizations/${organizationName(0)}`;
  const deadline = performance.now() + COMMIT_WAIT_MS;
  const balance = await readOf(server, `${organization}/wallets/credits`);
  if (balance === undefined) throw new Error('there is no balance to be had');
  for (const read of reads) {
    const path = `${organization}/${read}${read.includes('?') ? '&' : '?'}after=${balance.as_of.position}`;
    while ((await readOf(server, path)) === undefined) {
      if (performance.now() > deadline) throw new Error(`${read} did not catch up`);
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
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

interface IntakeRound {
  /** Usage events per second that were answered as durable. */
  readonly accepted: number;
  /** … whose balance, breakdown and burn rate were committed. */
  readonly models: number;
  /** … whose transaction rows were, too. */
  readonly everything: number;
  /** Mean of before and after the round. */
  readonly J: number;
}

const intakeRound = async (server: Server, requests: readonly PreparedRequest[]): Promise<IntakeRound> => {
  const events = requests.length * EVENTS_PER_REQUEST;
  const before = measureJ(3);
  const started = performance.now();
  const rate = (): number => (events / (performance.now() - started)) * 1000;
  await sendAll(server.port, requests, INTAKE_CONNECTIONS);
  const accepted = rate();
  await untilCommitted(server, AMOUNTS);
  const models = rate();
  await untilCommitted(server, EVERYTHING);
  const everything = rate();
  return { accepted, models, everything, J: (before + measureJ(3)) / 2 };
};

/** What one append held, from the product's own counters. */
const storedOf = async (server: Server): Promise<Stored & { readonly charges: number }> => {
  const [bytes, events, charges, appends] = await Promise.all(
    ['append_bytes_total', 'ledger_events_total', 'charges_total', 'append_total'].map((name) =>
      metricOf(server, `drawdown_${name}`),
    ),
  );
  return { bytesPerEvent: bytes ?? 0, eventsPerAppend: events ?? 0, appends: appends ?? 0, charges: charges ?? 0 };
};

const intake = async (server: Server, { quick, progress }: RunOptions): Promise<RowResult[]> => {
  // Some 2 s, or 6: shorter rounds tell how fast code is before it is compiled.
  const perRound = quick ? 600 : 2_000;
  let first = 0;
  const next = (): PreparedRequest[] => {
    const requests = intakeRequests(server.headers, perRound, first);
    first += perRound * EVENTS_PER_REQUEST;
    return requests;
  };
  progress('  intake, warming up');
  await intakeRound(server, next());
  const filled = await storedOf(server);
  const before = measureJ();
  const rounds: IntakeRound[] = [];
  for (let i = 0; i < (quick ? 2 : 5); i++) {
    progress(`  intake, round ${String(i + 1)}`);
    rounds.push(await intakeRound(server, next()));
  }
  const after = measureJ();
  const total = await storedOf(server);
  const events = total.eventsPerAppend - filled.eventsPerAppend;
  const stored: Stored = {
    appends: total.appends - filled.appends,
    eventsPerAppend: events / (total.appends - filled.appends),
    bytesPerEvent: (total.bytesPerEvent - filled.bytesPerEvent) / events,
  };
  const density = (total.charges - filled.charges) / events;
  const [rawBefore, rawAfter] = [await measureS(stored), await measureS(stored)];
  const J = { name: 'J', unit: 'events/s', before, after };
  const S = { name: 'S', unit: 'appended events/s', before: rawBefore, after: rawAfter };
  const context = {
    connections: INTAKE_CONNECTIONS,
    organizations: ORGANIZATIONS,
    charges_per_event: Math.round(density),
    bytes_per_charge: Math.round(stored.bytesPerEvent / density),
    memory_mb: Math.round(memoryOf(server.child.pid)),
  };
  const row = (
    name: string,
    rate: (round: IntakeRound) => number,
    more: Pick<RowResult, 'gate' | 'aim'> = { gate: null, aim: null },
  ): RowResult => ({
    name,
    unit: 'J',
    ratio: spreadOf(rounds.map((round) => rate(round) / round.J)),
    ...more,
    denominators: [J],
    context: { ...context, events_per_second: Math.round(spreadOf(rounds.map(rate)).median) },
  });
  return [
    row('HTTP intake, 100 events a request: durable, projectors running', ({ accepted }) => accepted, {
      gate: { at: 'least', value: 0.2 },
      aim: { at: 'least', value: 0.4 },
    }),
    row('usage → balance, breakdown, burn rate committed in PGlite', ({ models }) => models),
    row('usage → every transaction row committed, too', ({ everything }) => everything),
    {
      name: 'HTTP intake against raw SQLite group commit of the same bytes',
      unit: 'S',
      ratio: spreadOf(rounds.map(({ accepted }) => accepted / density / valueOf(S))),
      gate: null,
      aim: null,
      denominators: [S],
      context: { appends: stored.appends, bytes_per_event: Math.round(stored.bytesPerEvent) },
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
  await sendAll(server.port, reads, 8);
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
      await untilCommitted(server, EVERYTHING);
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
