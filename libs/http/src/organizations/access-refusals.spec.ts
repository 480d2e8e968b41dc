import { type Idempotency, LedgerUnavailable, type Sender } from '@drawdown/commands';
import type { AccessRefusal } from '@drawdown/domain';
import { credits, type Instant, parseInstant, shift } from '@drawdown/kernel';
import { AccessRefusals, type RefusalLimits } from './access-refusals';

const START = parseInstant('2026-03-01T10:00:00Z') as Instant;
const SENDER: Sender = { actor: { type: 'key', id: 'key_1', role: 'usage' }, requestId: 'r' };
const refusal = (changes: Partial<AccessRefusal> = {}): AccessRefusal => ({
  asked: { serviceType: 'llm_call', model: null, workspaceId: null, userId: null, estimate: { credits: credits(5n) } },
  ...{ code: 'out_of_credits', wallet: 'credits', available: credits(2n), required: credits(5n) },
  ...{ nextSteps: [{ action: 'top_up' }], rateCard: 'card', rateCardVersion: 1 },
  asOf: { position: '0.7', time: START },
  ...changes,
});
const at = (seconds: number): Pick<AccessRefusal, 'asOf'> => ({
  asOf: { position: '0.9', time: shift(START, BigInt(seconds) * 1_000_000n) },
});

const LIMITS: RefusalLimits = {
  ...{ waitMs: 60_000, stopMs: 60_000, remembered: 100, ofReader: 100 },
  ...{ waiting: 10, atOnce: 3, tryForMs: 60_000, retryMs: 1, retryMostMs: 1 },
};

/** A ledger that takes refusals, unless `write` says otherwise. */
const open = (
  write: (tries: number) => Promise<unknown> = async () => undefined,
  limits: Partial<RefusalLimits> = {},
  now?: () => number,
) => {
  const kept: string[] = [];
  const outcomes: string[] = [];
  const errors: unknown[] = [];
  const keys: (string | undefined)[] = [];
  let tries = 0;
  const refusals = new AccessRefusals(
    {
      shardOf: () => 0,
      write: async (organizationId: string, { code }: AccessRefusal, _: Sender, idempotency: Idempotency | null) => {
        keys.push(idempotency?.key);
        await write(++tries);
        kept.push(`${organizationId} ${code}`);
        return { accepted: true, answer: {}, position: new Map(), replayed: false };
      },
      log: { error: (fields: unknown) => errors.push(fields) },
      metrics: { count: (name, labels) => outcomes.push(`${name} ${labels?.['outcome'] ?? ''}`) },
    },
    { ...LIMITS, ...limits },
    now,
  );
  const record = (organization: string, changes: Partial<AccessRefusal> = {}, sender = SENDER, isReader = false) =>
    refusals.record(organization, refusal(changes), sender, isReader);
  return { refusals, record, kept, outcomes, errors, keys };
};
const away = (): Promise<never> => Promise.reject(new LedgerUnavailable('away'));

describe('INV-AUD-6: a refused access decision', () => {
  test('is kept before it is told, to each who asked, and counted', async () => {
    let release = (): void => undefined;
    const { record, kept, outcomes } = open(() => new Promise((resolve) => (release = () => resolve(undefined))));
    const told: string[] = [];
    const all = ['first', 'second'].map((name) => record('acme').then(() => told.push(name)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual([]);
    release();
    await Promise.all(all);
    expect([kept, outcomes]).toEqual([['acme out_of_credits'], ['access_refusals_total recorded']]);
  });

  test('is kept once a minute where the same is asked and answered again', async () => {
    const { record, kept } = open();
    for (const seconds of [0, 1, 59, 59]) await record('acme', at(seconds));
    expect(kept).toHaveLength(1);
    for (const seconds of [60, 61]) await record('acme', at(seconds));
    expect(kept).toHaveLength(2);
    await record('acme', at(-3_600)); // the clock was set back
    expect(kept).toHaveLength(3);
  });

  test('is kept at once where who asks, the question, the answer or a figure in it is another one', async () => {
    const { record, kept } = open();
    await record('acme');
    await record('other');
    await record('acme', {}, { ...SENDER, actor: { ...SENDER.actor, id: 'key_2' } });
    await record('acme', { asked: { ...refusal().asked, model: 'm' } });
    await record('acme', { available: credits(1n) });
    await record('acme', { code: 'cap_reached' });
    await record('acme', { nextSteps: [] });
    expect(kept).toHaveLength(7);
  });

  test('is not decided for a reader that has had so many recorded of an organization within a minute; others are, of others, and what is repeated', async () => {
    let now = 0;
    const { record, kept, outcomes } = open(undefined, { ofReader: 2 }, () => now);
    const refused = (): number => outcomes.filter((counted) => counted === 'reader_quota_refused_total ').length;
    const asReader = (available: bigint) => record('acme', { available: credits(available) }, SENDER, true);
    await asReader(1n);
    await asReader(2n);
    expect(refused()).toBe(0);
    await expect(asReader(3n)).rejects.toMatchObject({ code: 'rate_limited', headers: { 'retry-after': '60' } });
    await asReader(2n);
    expect([kept.length, refused()]).toEqual([2, 1]);
    await record('acme', { available: credits(3n) });
    const another = { ...SENDER, actor: { ...SENDER.actor, id: 'key_2' } };
    await record('acme', { available: credits(3n) }, another, true);
    await record('globex', { available: credits(3n) }, SENDER, true);
    now = 60_000;
    await asReader(4n);
    expect([kept.length, refused()]).toEqual([6, 1]);
  });

  test('is forgotten as a repetition when others were recorded since, so that memory has a bound', async () => {
    const { record, kept } = open(undefined, { remembered: 2 });
    for (const organization of ['a', 'b', 'a', 'c', 'a', 'b']) await record(organization);
    expect(kept).toEqual(['a', 'b', 'c', 'a', 'b'].map((name) => `${name} out_of_credits`));
  });

  test('is tried again while the ledger is away, under one key from the second try on, and kept once', async () => {
    const { record, kept, outcomes, errors, keys } = open((tries) => (tries < 3 ? away() : Promise.resolve()));
    await record('acme');
    expect([kept, outcomes, errors]).toEqual([['acme out_of_credits'], ['access_refusals_total recorded'], []]);
    expect(keys).toEqual([undefined, keys[1], keys[1]]);
    expect(keys[1]).toMatch(/^access-refused-/);
  });

  test('is told all the same where the ledger does not answer', async () => {
    const { record, kept } = open(() => new Promise(() => undefined), { waitMs: 5 });
    await record('acme');
    expect(kept).toEqual([]);
  });

  test('that cannot be kept is said to be lost, with all that it was, and kept when it is asked again', async () => {
    let failing = true;
    const { record, kept, outcomes, errors } = open(() =>
      failing ? Promise.reject(new TypeError('a fault')) : Promise.resolve(),
    );
    await record('acme');
    expect([kept, outcomes]).toEqual([[], ['access_refusals_total lost']]);
    expect(errors).toMatchObject([
      { organization_id: 'acme', request_id: 'r', code: 'out_of_credits', as_of: { position: '0.7' }, why: 'a fault' },
    ]);
    expect(JSON.stringify(errors)).toMatch('llm_call');
    failing = false;
    await record('acme');
    expect(kept).toEqual(['acme out_of_credits']);
  });

  test('that is under way when the process ends is waited for, and lost aloud where that is too long', async () => {
    let release = (): void => undefined;
    const slow = open(() => new Promise((resolve) => (release = () => resolve(undefined))), { waitMs: 1 });
    await slow.record('acme');
    const stopped = slow.refusals.onModuleDestroy();
    release();
    await stopped;
    expect([slow.kept, slow.errors]).toEqual([['acme out_of_credits'], []]);

    const silent = open(() => new Promise(() => undefined), { waitMs: 1, stopMs: 1 });
    await silent.record('acme');
    await silent.refusals.onModuleDestroy();
    expect([silent.outcomes, silent.errors.length]).toEqual([['access_refusals_total lost'], 1]);
  });
});
