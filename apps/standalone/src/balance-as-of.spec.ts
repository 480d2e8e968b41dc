import { randomUUID } from 'node:crypto';
import { callingAt } from './testing/calling';
import { type InMemoryServer, openInMemory } from './testing/in-memory';

let server: InMemoryServer;
beforeAll(async () => {
  server = await openInMemory();
});
afterAll(() => server.close());

const call = callingAt(() => server.url);
const day = (n: number): string => `2026-03-${String(n).padStart(2, '0')}T00:00:00.000000Z`;

const must = async (method: string, path: string, body?: unknown): Promise<Record<string, unknown>> => {
  const headers = method === 'GET' ? {} : { 'idempotency-key': randomUUID() };
  const answer = await call(method, path, body, headers);
  expect([path, Math.floor(answer.status / 100)]).toEqual([path, 2]);
  return answer.body;
};

/** Made on 1 March: 10 credits, 4 of them held until the 3rd, and 5 that begin on the 4th and end on the 6th. */
const made = async (id: string): Promise<{ readonly clock: string; readonly base: string }> => {
  const clock = String((await must('POST', '/v1/test-clocks', { now: day(1) }))['id']);
  const base = `/v1/organizations/${id}`;
  await must('POST', '/v1/organizations', { id, name: id, preset: 'enterprise', test_clock: clock });
  const grant = { credit_type: 'purchased', reason: 'spec' };
  await must('POST', `${base}/wallets/credits/grants`, { ...grant, amount: '10' });
  const later = { effective_at: day(4), expires_at: day(6) };
  await must('POST', `${base}/wallets/credits/grants`, { ...grant, amount: '5', ...later });
  await must('POST', `${base}/holds`, { wallet: 'credits', amount: '4', expires_at: day(3) });
  return { clock, base };
};

const figures = (body: Record<string, unknown>) => {
  const { settled, held, available } = body['balance'] as Record<string, string>;
  const { time } = body['as_of'] as { time: string };
  return { at: time, balance: [settled, held, available], from: body['projected_from'] };
};
const asOf = async (base: string, instant: string) =>
  figures(await must('GET', `${base}/balance?wallet=credits&as_of=${instant}`));

test('an instant that has not come is answered with what time alone does until then, and says from when on', async () => {
  const { clock, base } = await made('ahead');
  const expected = [
    [2, ['15', '4', '6']],
    [3, ['15', '0', '10']],
    [4, ['15', '0', '15']],
    [6, ['10', '0', '10']],
  ] as const;
  expect(await asOf(base, day(1))).toEqual({ at: day(1), balance: ['15', '4', '6'] });
  for (const [n, balance] of expected) expect(await asOf(base, day(n))).toEqual({ at: day(n), balance, from: day(1) });
  const all = await must('GET', `${base}/balance?as_of=${day(4)}`);
  expect(all).toMatchObject({ projected_from: day(1), as_of: { time: day(4) }, data: [{ wallet: 'credits' }] });
  await must('POST', `/v1/test-clocks/${clock}/advance`, { to: day(4) });
  for (const [n, balance] of expected) {
    expect(await asOf(base, day(n))).toEqual({ at: day(n), balance, ...(n > 4 ? { from: day(4) } : {}) });
  }
});

test('without an instant, and as of a position, nothing is projected', async () => {
  const { base } = await made('there');
  const now = await must('GET', `${base}/balance?wallet=credits`);
  const { position } = now['as_of'] as { position: string };
  const then = await must('GET', `${base}/balance?wallet=credits&as_of=${position}`);
  expect([now, then].map((body) => figures(body).from)).toEqual([undefined, undefined]);
});

test('by the machine’s clock, what has not come is what lies after the present', async () => {
  await must('POST', '/v1/organizations', { id: 'real', name: 'real', preset: 'enterprise' });
  const base = '/v1/organizations/real';
  const { time: present } = (await must('GET', `${base}/balance`))['as_of'] as { time: string };
  expect((await asOf(base, present)).from).toBeUndefined();
  const { from } = await asOf(base, '2999-01-01T00:00:00Z');
  expect([from, '2999'].sort()).toEqual([from, '2999']);
  expect(String(from) >= present).toBe(true);
});
