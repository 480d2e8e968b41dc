import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { startStoreProcess, storeUrl } from '@drawdown/adapters/cluster/testing/store-process';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { send } from './testing/api';
import { charge } from './testing/forms/charge';
import { chargesIn, leftAfter, makeOrganizations, untilLeft, usageOf, walletOf } from './testing/forms/organizations';
import { metricSum } from './testing/metrics';
import { ADMIN_KEY, ServerProcess } from './testing/server-process';
import { until } from './testing/until';

/** FLT-21: the own timer for an append. */
const ANSWER_MAX_MS = 5_000;
const BACK_MAX_MS = 60_000;
const COMMANDS = 6;
const USAGES = 4;
/** Credits. */
const GRANT = 10;
/** Thousandths of an hour. */
const USED_MILLIS = 10;

let folder: string;
let store: AppProcess;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-frozen-'));
  store = await startStoreProcess({ folder: path.join(folder, 'event-store') });
}, 120_000);
afterAll(async () => {
  store.thaw();
  await ServerProcess.endAll();
  await store.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly text: string;
  readonly ms: number;
}

/** A request that can be sent again as it is. */
type Repeatable = () => Promise<Answer>;

const posted = async (url: string, body: unknown, headers: Readonly<Record<string, string>>): Promise<Answer> => {
  const from = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(BACK_MAX_MS),
  });
  const text = await response.text();
  const retryAfter = response.headers.get('retry-after');
  return { status: response.status, retryAfter, text, ms: performance.now() - from };
};

const grantOf = (url: string, organization: string, n: number): Repeatable => {
  const grant = { credit_type: 'purchased', amount: String(GRANT), reason: `frozen ${String(n)}` };
  const grants = `${url}/v1/organizations/${organization}/wallets/credits/grants`;
  return () => posted(grants, grant, { 'idempotency-key': `frozen-${String(n)}` });
};
const chargeOf = (url: string, usage: Record<string, unknown>): Repeatable => {
  const type = { 'content-type': 'application/cloudevents+json' };
  return () => posted(`${url}/v1/events?wait=charged`, usage, type);
};

test('FLT-21: while its store is frozen commands are unavailable within seconds; after that each of them has happened once', async () => {
  const environment = { EVENTSTORE_URL: storeUrl(store) };
  const { url } = await ServerProcess.start({ dataFolder: path.join(folder, 'data'), environment });
  const [name = ''] = await makeOrganizations(url, 1);
  await charge(url, usageOf(name, 'before', 1));
  const before = await walletOf(url, name);

  const repeatables = [
    ...Array.from({ length: COMMANDS }, (_, n) => grantOf(url, name, n)),
    ...Array.from({ length: USAGES }, (_, n) => chargeOf(url, usageOf(name, `frozen-${String(n)}`, USED_MILLIS))),
  ];
  store.freeze();
  for (const answer of await Promise.all(repeatables.map((send) => send()))) {
    expect(answer).toMatchObject({ status: 503, retryAfter: expect.stringMatching(/^\d+$/) as string });
    expect(answer.ms).toBeLessThan(ANSWER_MAX_MS * allowance());
    expect(answer.text).not.toContain('nothing happened');
  }
  await until('readiness says why', BACK_MAX_MS, async () => {
    const { status, body } = await send(`${url}/readyz`, 'GET');
    const checks = body['checks'] as Record<string, { readonly reason: string | null }>;
    const [ledger, eventStore] = ['ledger', 'event_store'].map((name) => checks[name]?.reason ?? '');
    return status === 503 && /the event store does not answer/.test(ledger ?? '') && /no answer/.test(eventStore ?? '');
  });
  expect(await metricSum(url, 'append_total', 'outcome="ambiguous"')).toBeGreaterThan(0);

  store.thaw();
  for (const repeat of repeatables) {
    await until('it is answered', BACK_MAX_MS, async () => {
      const { status } = await repeat();
      if (status >= 300) expect(status).toBe(503);
      return status < 300;
    });
  }
  // A thousandth of an hour costs two thousandths of a credit.
  const wallet = await untilLeft(url, name, leftAfter(1 + USAGES * USED_MILLIS - (COMMANDS * GRANT * 1_000) / 2));
  expect(wallet.position).not.toBe(before.position);
  expect(await chargesIn(url, name, wallet)).toBe(1 + USAGES);
  await until('it is ready', BACK_MAX_MS, async () => (await send(`${url}/readyz`, 'GET')).status === 200);
  expect(store.ownEnds).toEqual([]);
}, 240_000);
