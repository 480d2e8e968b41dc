import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { allowance } from '@drawdown/adapters/testing/allowance';
import type { Reply } from './testing/api';
import { CRASH_POINTS, type CrashPoint } from './testing/crash-points';
import { perform } from './testing/load/generator';
import { Journal, type Operation } from './testing/load/journal';
import { checkBooks, prepare } from './testing/load/scene';
import { Seeded } from './testing/seeded';
import { ROOT, ServerProcess } from './testing/server-process';

const PRELOADED = path.join(ROOT, 'dist/apps/standalone/src/testing/crash-points.js');
const DIES_MAX_MS = 60_000;
/** From the catalogue of faults. */
const BACK_MAX_MS = 10_000;
const ALL_KINDS = ['usage', 'grant', 'hold', 'capture', 'release', 'refund'] as const;
/** Of them at each point: every start costs some seconds. */
const KINDS_TRIED = Number(process.env['CRASH_KINDS'] ?? (process.env['CI'] === undefined ? ALL_KINDS.length : 2));
const { seed } = Seeded.fresh();
/** The others need Kafka. */
const POINTS = (Object.keys(CRASH_POINTS) as CrashPoint[]).filter((point) => point !== 'ledger:after');

/** At the point of that number; where not all are tried, those that the seed says, others at the next point. */
const kindsAt = (point: number): readonly Operation['kind'][] => {
  const from = (seed + point * KINDS_TRIED) % ALL_KINDS.length;
  return [...ALL_KINDS.slice(from), ...ALL_KINDS].slice(0, KINDS_TRIED);
};

let folder: string;
let armed: string;
let server: ServerProcess;
let journal: Journal;
let count = 0;

const start = (port?: number): Promise<ServerProcess> =>
  ServerProcess.start({
    dataFolder: path.join(folder, 'data'),
    environment: { NODE_OPTIONS: `--require ${PRELOADED}`, CRASH_POINT: armed },
    ...(port === undefined ? {} : { port }),
  });

beforeAll(async () => {
  const tried = `${String(KINDS_TRIED)} of ${String(ALL_KINDS.length)} kinds of operation at each point (CRASH_KINDS)`;
  process.stdout.write(`crash points: SEED=${String(seed)}, ${tried}\n`);
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-crash-points-'));
  armed = path.join(folder, 'crash-point');
  journal = new Journal(path.join(folder, 'journal.ndjson'));
  server = await start();
  await prepare(server.url);
  await told(operation('grant'));
}, 240_000);
afterAll(async () => {
  await ServerProcess.endAll();
  rmSync(folder, { recursive: true, force: true });
});

const BASE = '/v1/organizations/rich-1';
const operation = (kind: Operation['kind'], { hold = '', transaction = '' } = {}): Operation => {
  const n = (count += 1);
  const event = {
    ...{ specversion: '1.0', id: `e${String(n)}`, source: 'crash-points', type: 'drawdown.usage.v1' },
    ...{ subject: 'rich-1', time: new Date().toISOString() },
    data: { workspace_id: 'w', service_type: 'api_call', quantity: '3', unit: 'calls' },
  };
  const of: Readonly<Record<Operation['kind'], readonly [path: string, body: unknown]>> = {
    usage: ['/v1/events?wait=charged', [event]],
    grant: [`${BASE}/wallets/credits/grants`, { credit_type: 'purchased', amount: '1000', reason: 'test' }],
    hold: [`${BASE}/holds`, { wallet: 'credits', amount: '7', reference: `h${String(n)}` }],
    capture: [`${BASE}/holds/${hold}/capture`, { amount: '5', final: true }],
    release: [`${BASE}/holds/${hold}/release`, {}],
    refund: [`${BASE}/refunds`, { transaction_id: transaction, reason: 'test' }],
  };
  const [where, body] = of[kind];
  const key = kind === 'usage' ? null : `${kind}-${String(n)}`;
  return { n, kind, organization: kind === 'usage' ? '' : 'rich-1', path: where, body, key };
};

/** Sends it and enters the answer in the journal. */
const told = async (what: Operation): Promise<Reply> => {
  journal.write({ at: 'sent', operation: what });
  const reply = await perform(server.url, what);
  expect({ kind: what.kind, status: reply.status < 300, reply }).toMatchObject({ status: true });
  journal.write({ at: 'answered', n: what.n, reply });
  return reply;
};

/** An operation of a kind, with what has to be there before it. */
const prepared = async (kind: Operation['kind']): Promise<Operation> => {
  if (kind === 'capture' || kind === 'release') {
    return operation(kind, { hold: String((await told(operation('hold'))).body['id']) });
  }
  if (kind !== 'refund') return operation(kind);
  const { results } = (await told(operation('usage'))).body;
  const [{ transaction_id: transaction } = { transaction_id: '' }] = results as { readonly transaction_id: string }[];
  return operation(kind, { transaction });
};

describe.each(POINTS)('FLT-01, FLT-02, FLT-04: it dies at %s', (point) => {
  const kinds = kindsAt(POINTS.indexOf(point));
  test.each(kinds)(
    `(${CRASH_POINTS[point]}): %s happens once, and is answered as at first`,
    async (kind) => {
      const what = await prepared(kind);
      writeFileSync(armed, point);
      journal.write({ at: 'sent', operation: what });
      const first = await perform(server.url, what).catch(() => null); // the connection breaks
      if (first !== null) journal.write({ at: 'answered', n: what.n, reply: first });
      expect(await server.withinTime(DIES_MAX_MS)).toEqual({ code: null, signal: 'SIGKILL' });
      const from = performance.now();
      server = await start(server.port);
      expect(performance.now() - from).toBeLessThan(BACK_MAX_MS * allowance());
      const second = await told(what);
      expect(first ?? second).toMatchObject(sameAs(second));
      expect(await told(what)).toMatchObject(sameAs(second));
    },
    90_000,
  );
});

/** Usage that is sent again is answered as a duplicate of the same transaction. */
const sameAs = ({ status, body }: Reply): object => {
  const [result] = (body['results'] ?? []) as { readonly transaction_id: string; readonly credits_debited: string }[];
  if (result === undefined) return { status, body };
  const { transaction_id, credits_debited } = result;
  return { status, body: { results: [{ transaction_id, credits_debited }] } };
};

test('afterwards the books are what clients were told, and nothing else', async () => {
  await checkBooks(server.url, journal.read());
});
