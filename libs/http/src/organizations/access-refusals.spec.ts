import { LedgerUnavailable } from '@drawdown/commands';
import type { AccessRefusal } from '@drawdown/domain';
import { credits, type Instant, parseInstant, shift } from '@drawdown/kernel';
import { AccessRefusals, type RefusalLimits } from './access-refusals';

const START = parseInstant('2026-03-01T10:00:00Z') as Instant;
const SENDER = { actor: { type: 'key', id: 'key_1', role: 'usage' }, requestId: 'r' } as const;
const refusal = (changes: Partial<AccessRefusal> = {}): AccessRefusal => ({
  asked: { serviceType: 'llm_call', model: null, workspaceId: null, userId: null, estimate: { credits: credits(5n) } },
  ...{ code: 'out_of_credits', wallet: 'credits', available: credits(2n), required: credits(5n) },
  nextSteps: [{ action: 'top_up' }],
  asOf: { position: '0.7~c.1', time: START },
  ...changes,
});
const later = (seconds: number): Partial<AccessRefusal> => ({
  asOf: { position: '0.9~c.1', time: shift(START, BigInt(seconds) * 1_000_000n) },
});

/** A ledger that takes refusals, or fails, or never answers. */
const open = (write: (tries: number) => Promise<void> = async () => undefined, limits: Partial<RefusalLimits> = {}) => {
  const kept: string[] = [];
  const outcomes: string[] = [];
  const errors: unknown[] = [];
  let tries = 0;
  const refusals = new AccessRefusals(
    async (organizationId, { code }) => {
      await write(++tries);
      kept.push(`${organizationId} ${code}`);
      return { accepted: true, answer: {}, position: new Map(), replayed: false };
    },
    { error: (_: unknown, message?: string) => errors.push(message) },
    {
      count: (name: string, labels?: Readonly<Record<string, string>>) =>
        outcomes.push(`${name} ${labels?.['outcome'] ?? ''}`),
    },
    { waitMs: 60_000, tryForMs: 60_000, retryMs: 1, underWay: 10, remembered: 100, ...limits },
  );
  const record = (organization: string, changes: Partial<AccessRefusal> = {}) =>
    refusals.record(organization, refusal(changes), SENDER);
  return { refusals, record, kept, outcomes, errors };
};
const away = (): Promise<never> => Promise.reject(new LedgerUnavailable('away'));

describe('INV-AUD-6: a refused access decision', () => {
  test('is kept before it is told, and counted', async () => {
    const { record, kept, outcomes } = open();
    await record('acme');
    expect([kept, outcomes]).toEqual([['acme out_of_credits'], ['access_refusals_total recorded']]);
  });

  test('is kept once a minute where the same is asked and answered again', async () => {
    const { record, kept } = open();
    for (const seconds of [0, 1, 59, 59]) await record('acme', later(seconds));
    expect(kept).toHaveLength(1);
    await record('acme', later(60));
    await record('acme', later(61));
    expect(kept).toHaveLength(2);
  });

  test('is kept at once where the question, the answer or a figure in it is another one', async () => {
    const { record, kept } = open();
    await record('acme');
    await record('other');
    await record('acme', { asked: { ...refusal().asked, model: 'm' } });
    await record('acme', { available: credits(1n) });
    await record('acme', { code: 'cap_reached' });
    await record('acme', { nextSteps: [] });
    expect(kept).toHaveLength(6);
  });

  test('is forgotten as a repetition when others came since, so that memory has a bound', async () => {
    const { record, kept } = open(undefined, { remembered: 2 });
    for (const organization of ['a', 'b', 'a', 'c', 'a', 'b']) await record(organization);
    expect(kept).toEqual(['a', 'b', 'c', 'a', 'b'].map((name) => `${name} out_of_credits`));
  });

  test('is tried again while the ledger is away, and kept once', async () => {
    const { record, kept, outcomes, errors } = open((tries) => (tries < 3 ? away() : Promise.resolve()));
    await record('acme');
    expect([kept, outcomes, errors]).toEqual([['acme out_of_credits'], ['access_refusals_total recorded'], []]);
  });

  test('is told all the same where the ledger does not answer', async () => {
    const { record, kept } = open(() => new Promise(() => undefined), { waitMs: 5 });
    await record('acme');
    expect(kept).toEqual([]);
  });

  test.each<[string, () => Promise<never>, Partial<RefusalLimits>]>([
    ['the ledger stays away', away, { tryForMs: 5 }],
    ['trying again is no use', () => Promise.reject(new TypeError('a fault')), {}],
  ])('that cannot be kept, since %s, is said to be lost, and kept when it is asked again', async (_, fail, limits) => {
    let failing = true;
    const { record, kept, outcomes, errors } = open(() => (failing ? fail() : Promise.resolve()), limits);
    await record('acme');
    expect([kept, outcomes, errors.length]).toEqual([[], ['access_refusals_total lost'], 1]);
    failing = false;
    await record('acme');
    expect(kept).toEqual(['acme out_of_credits']);
  });

  test('is lost aloud where more are under way than may be, and when the process ends', async () => {
    const { refusals, record, outcomes } = open(away, { waitMs: 1, underWay: 2 });
    for (const organization of ['a', 'b', 'c']) await record(organization);
    expect(outcomes).toEqual(['access_refusals_total lost']);
    refusals.onModuleDestroy();
    await record('d'); // behind the others' next try
    while (outcomes.length < 3) await new Promise((resolve) => setImmediate(resolve));
    expect(new Set(outcomes)).toEqual(new Set(['access_refusals_total lost']));
  });
});
