import { all, forEach, insist } from '../api';
import { type CliEnd, type CliProcess, startCli } from '../cli-process';
import { FIRST_EXPIRY, lotsOf, MODELS, ORGANIZATIONS, PREFIX, SEED, text, WORKSPACES } from './oracle';

const BEGIN = '2023-11-16T00:00:00Z';
/** Between the last event and the expiry of the first lots, and after it. */
export const FIRST_IMPORT_AT = '2023-11-16T20:00:00Z';
export const SECOND_IMPORT_AT = '2023-11-17T00:00:00Z';
/** Two days later: the burn rate is an average over more than one day. */
export const LATER = '2023-11-18T20:00:00Z';

const CARD = 'three-models';
const REQUESTS_AT_ONCE = 8;

export const numbers: readonly number[] = Array.from({ length: ORGANIZATIONS }, (_, i) => i + 1);
export const organization = (n: number): string => `${PREFIX}${String(n)}`;

/** A card with three models, 200 organizations with three lots each, all on one test clock; answers the clock's id. */
export const prepare = async (url: string): Promise<string> => {
  const { id } = await insist(`${url}/v1/test-clocks`, 'POST', { now: BEGIN });
  const rates = MODELS.map(({ name, per, input, output }) => ({
    service_type: 'llm_call',
    model: name,
    price: { type: 'per_token', per: String(per), input: text(input), output: text(output) },
  }));
  await insist(`${url}/v1/rate-cards`, 'POST', { key: CARD, name: 'Three models', unit: 'credit' });
  await insist(`${url}/v1/rate-cards/${CARD}/versions`, 'POST', { rates, rounding: { scale: 9, mode: 'half_even' } });
  await insist(`${url}/v1/rate-cards/${CARD}/versions/1/activate`, 'POST', { effective_from: '2023-01-01T00:00:00Z' });
  await forEach(numbers, REQUESTS_AT_ONCE, (n) => prepareOrganization(url, n, String(id)));
  return String(id);
};

const prepareOrganization = async (url: string, n: number, clock: string): Promise<void> => {
  const org = organization(n);
  await insist(`${url}/v1/organizations`, 'POST', { id: org, name: org, preset: 'enterprise', test_clock: clock });
  await insist(`${url}/v1/organizations/${org}/rate-card`, 'PUT', { key: CARD });
  for (const { creditType, priority, expiresAt, amount } of lotsOf(n)) {
    await insist(
      `${url}/v1/organizations/${org}/wallets/credits/grants`,
      'POST',
      { credit_type: creditType, priority, expires_at: expiresAt, amount: text(amount), reason: 'test' },
      { 'idempotency-key': `${org}-${creditType}` },
    );
  }
};

export const advance = async (url: string, clock: string, to: string): Promise<void> => {
  await insist(`${url}/v1/test-clocks/${clock}/advance`, 'POST', { to });
};

/** The importer, as one would call it for these files. */
export const startImport = (url: string, file: string, ...words: string[]): CliProcess =>
  startCli(
    [
      ['import', file, '--json', '--url', url, '--time-utc', '--map', 'time=TIMESTAMP'],
      ['--map', 'quantities.input_tokens=ContextTokens', '--map', 'quantities.output_tokens=GeneratedTokens'],
      [
        '--set',
        'service_type=llm_call',
        '--spread',
        `organizations=${String(ORGANIZATIONS)},seed=${String(SEED)},prefix=${PREFIX}`,
      ],
      ['--spread-workspaces', String(WORKSPACES), '--spread-users', '40'],
      ['--spread-models', MODELS.map(({ name }) => name).join(','), ...words],
    ].flat(),
  );

/** The summary of an import that must have come to its end. */
export const summaryOf = ({ code, out, err }: CliEnd): Record<string, unknown> => {
  if (code !== 0) throw new Error(`the import ended with ${String(code)}:\n${out}\n${err}`);
  return JSON.parse(out) as Record<string, unknown>;
};

export interface Books {
  readonly wallet: Record<string, unknown>;
  readonly lots: readonly Record<string, unknown>[];
  readonly breakdown: Record<string, unknown>;
  readonly burn: Record<string, unknown>;
}

/** What the server shows of each organization, by its number. */
export const readBooks = async (url: string, after: string): Promise<ReadonlyMap<number, Books>> => {
  const books = new Map<number, Books>();
  await forEach(numbers, REQUESTS_AT_ONCE, async (n) => {
    const base = `${url}/v1/organizations/${organization(n)}`;
    const [wallet, lots, breakdown, burn] = await Promise.all([
      insist(`${base}/wallets/credits?after=${after}`, 'GET'),
      all(`${base}/wallets/credits/lots?after=${after}`, insist),
      insist(`${base}/breakdown?by=workspace&after=${after}`, 'GET'),
      insist(`${base}/burn-rate?wallet=credits&after=${after}`, 'GET'),
    ]);
    books.set(n, { wallet, lots, breakdown, burn });
  });
  return new Map([...books].sort(([a], [b]) => a - b));
};

export { FIRST_EXPIRY };
