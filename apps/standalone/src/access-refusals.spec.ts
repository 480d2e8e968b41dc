import { recorded } from '@drawdown/ledger/testing';
import { callingAt } from './testing/calling';
import { answeredIn, decidedAgain } from './testing/decided-again';
import { type InMemoryServer, openInMemory } from './testing/in-memory';
import { ask, eventFor, makeWorld, type World } from './testing/bad-input-world';
import { metricSum } from './testing/metrics';

let server: InMemoryServer;
let world: World;
beforeEach(async () => {
  server = await openInMemory();
  world = await makeWorld(server);
});
afterEach(() => server.close());

const O = '/v1/organizations/world';
const call = callingAt(() => server.url);
const check = async (credits: string, more: object = {}) =>
  (await call('POST', `${O}/check`, { service_type: 'compute', estimate: { credits }, ...more })).body;
const refusals = async () =>
  (await recorded(server.store)).flatMap((record) =>
    record.event.type === 'AccessRefused' ? [{ ...record, data: record.event.data }] : [],
  );
const advance = async (to: string) => {
  expect((await call('POST', `/v1/test-clocks/${world['clock'] ?? ''}/advance`, { to })).status).toBe(200);
};

describe('INV-AUD-6: an access decision that refuses', () => {
  test('is on record with what was asked, answered and known, by whom and when', async () => {
    const answer = await check('500', { workspace_id: 'w1', user_id: 'u1', model: 'm' });
    expect(answer).toMatchObject({ allowed: false, code: 'out_of_credits', available: '95', required: '500' });
    const [refusal, ...more] = await refusals();
    expect(more).toEqual([]);
    const { position, time } = answer['as_of'] as { position: string; time: string };
    expect(refusal).toMatchObject({
      organizationId: 'world',
      actor: { type: 'key' },
      bookedAt: time,
      data: {
        asked: {
          serviceType: 'compute',
          model: 'm',
          workspaceId: 'w1',
          userId: 'u1',
          estimate: { credits: 500_000_000_000n },
        },
        ...{ code: 'out_of_credits', wallet: 'credits', available: 95_000_000_000n, required: 500_000_000_000n },
        ...{ nextSteps: [{ action: 'top_up' }], asOf: { time } },
      },
    });
    expect(refusal?.data).toMatchObject({ rateCard: 'world-card', rateCardVersion: 1, asOf: { position } });
  });

  test('is decided the same again on the state it names, whatever came after', async () => {
    await check('500');
    await ask(server, 'POST', '/v1/events?wait=charged', eventFor('world', 'more'));
    await check('94');
    await check('1', { service_type: 'unknown' });
    const grant = { credit_type: 'purchased', amount: '900', reason: 'later' };
    await ask(server, 'POST', `${O}/wallets/credits/grants`, grant);
    expect(await check('500')).toMatchObject({ allowed: true });
    const kept = await refusals();
    expect(kept.map(({ data }) => data.code)).toEqual(['out_of_credits', 'out_of_credits', 'no_rate']);
    for (const { data } of kept) expect(await decidedAgain(server, 'world', data)).toEqual(answeredIn(data));
  });

  test('is on record once a minute of the organization, however often it is asked', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => check('500')));
    expect(new Set(answers.map(({ code }) => code))).toEqual(new Set(['out_of_credits']));
    expect(await refusals()).toHaveLength(1);
    await advance('2026-05-01T00:00:59Z');
    await check('500');
    expect(await refusals()).toHaveLength(1);
    await advance('2026-05-01T00:01:00Z');
    await check('500');
    expect(await refusals()).toHaveLength(2);
  });

  test('a key that may only read fills no log with questions: 300 of them a minute, then 429; a reporter goes on', async () => {
    const ask = async (user: number, authorization = world['reader'] ?? '') => {
      const body = { service_type: 'compute', estimate: { credits: '500' }, user_id: `u${String(user)}` };
      return call('POST', `${O}/check`, body, { authorization });
    };
    const answers = await Promise.all(Array.from({ length: 305 }, (_, user) => ask(user)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(300);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.map(({ body }) => body['code'])).toEqual(Array<string>(5).fill('rate_limited'));
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await metricSum(server.url, 'reader_quota_refused_total')).toBe(5);
    expect(await refusals()).toHaveLength(300);
    expect(await ask(1_000, world['usage'])).toMatchObject({ status: 200, body: { allowed: false } });
    expect(await refusals()).toHaveLength(301);
  });

  test('moves nothing, and one that allows leaves nothing in the log', async () => {
    const before = await call('GET', `${O}/balance`);
    const head = await server.store.head('ledger-0');
    expect(await check('50')).toMatchObject({ allowed: true });
    expect(await server.store.head('ledger-0')).toBe(head);
    await check('500');
    expect(await server.store.head('ledger-0')).toBe(head + 1);
    const { as_of: _, ...after } = (await call('GET', `${O}/balance`)).body;
    expect(before.body).toMatchObject(after);
  });

  test('INV-AMT-3: a price beyond all amounts is refused with a reason, and whoever reads the log reads on', async () => {
    const estimate = { quantity: '900000000000000000', unit: 'hours' };
    const answer = await call('POST', `${O}/check`, { service_type: 'compute', estimate });
    expect(answer).toMatchObject({ status: 200, body: { allowed: false, code: 'amount_out_of_range' } });
    const [kept] = await refusals();
    expect(kept?.data.code).toBe('amount_out_of_range');
    const { as_of } = answer.body as { as_of: { position: string } };
    const after = `0.${String(Number(as_of.position.split('.')[1]) + 1)}`;
    expect(await call('GET', `${O}/transactions?after=${after}`)).toMatchObject({ status: 200 });
  });

  test('is not written for an organization that is closed: its ledger says that already', async () => {
    const head = await server.store.head('ledger-0');
    const answer = await call('POST', '/v1/organizations/closed/check', { service_type: 'compute' });
    expect(answer.body).toMatchObject({ allowed: false, code: 'closed' });
    expect(await server.store.head('ledger-0')).toBe(head);
  });

  test('a hold that is refused is on record with its figures', async () => {
    const hold = { wallet: 'credits', amount: '500', reference: 'run-7' };
    const answer = await call('POST', `${O}/holds`, hold, { 'idempotency-key': 'hold' });
    expect([answer.status, answer.body['code']]).toEqual([402, 'out_of_credits']);
    expect((await recorded(server.store)).at(-1)).toMatchObject({
      organizationId: 'world',
      event: {
        type: 'HoldRefused',
        data: { reference: 'run-7', required: 500_000_000_000n, available: 95_000_000_000n },
      },
    });
  });
});
