import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const MAIN = path.resolve(__dirname, '../../../../dist/apps/cli/src/main.js');
/** Nothing listens there, so that the demo starts a server of its own. */
const NO_SERVER = 'http://127.0.0.1:9';

const parts = (text: unknown): bigint => {
  const [, sign = '', whole = '0', decimals = ''] = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(String(text)) ?? [];
  return BigInt(`${sign}${whole}${decimals.padEnd(9, '0')}`);
};
const sum = (amounts: readonly unknown[]): bigint =>
  amounts.reduce((total: bigint, amount) => total + parts(amount), 0n);

interface Customer {
  readonly wallet: {
    readonly balance: { readonly settled: string };
    readonly lifetime_added: string;
    readonly lifetime_spent: string;
  };
  readonly workspaces: {
    readonly data: readonly { readonly credits: string; readonly transactions: number }[];
    readonly total: string;
  };
  readonly burn_rate: { readonly credits_per_day: string };
}
interface Charge {
  readonly credits: string;
  readonly lines: readonly { readonly amount: string }[];
  readonly lots: readonly { readonly amount: string }[];
  readonly transaction: { readonly balance_before: string; readonly balance_after: string };
}

const demo = async (...words: string[]): Promise<string> => {
  const child = spawn(process.execPath, [MAIN, 'demo', '--url', NO_SERVER, '--events', '2000', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as unknown[];
  if (code !== 0) throw new Error(`the demo ended with ${String(code)}:\n${out}\n${err}`);
  return out;
};

test('the demo adds up, from the tokens to the balances', async () => {
  const out = await demo('--json');
  const {
    events,
    charged,
    others,
    organizations,
    biggest_charges: biggest,
  } = JSON.parse(out) as {
    readonly events: number;
    readonly charged: number;
    readonly others: object;
    readonly organizations: readonly Customer[];
    readonly biggest_charges: readonly Charge[];
  };
  expect({ charged, others }).toEqual({ charged: events, others: {} });
  for (const { wallet, workspaces, burn_rate } of organizations) {
    expect(sum(workspaces.data.map(({ credits }) => credits))).toBe(parts(workspaces.total));
    expect(parts(workspaces.total)).toBe(parts(wallet.lifetime_spent));
    expect(burn_rate.credits_per_day).toBe(workspaces.total); // all of it on one day
    expect(parts(wallet.balance.settled)).toBeLessThanOrEqual(
      parts(wallet.lifetime_added) - parts(wallet.lifetime_spent),
    );
  }
  const counted = organizations.flatMap(({ workspaces }) => workspaces.data.map(({ transactions }) => transactions));
  expect(counted.reduce((total, count) => total + count, 0)).toBe(events);
  expect(biggest).toHaveLength(5);
  for (const { credits, lines, lots, transaction } of biggest) {
    expect(sum(lines.map(({ amount }) => amount))).toBe(parts(credits));
    expect(parts(transaction.balance_before) - parts(transaction.balance_after)).toBe(parts(credits));
    expect(sum(lots.map(({ amount }) => amount))).toBeLessThanOrEqual(parts(credits));
  }
});

test('people see the same as tables', async () => {
  const out = await demo();
  for (const word of ['lumen-support', 'healthy', 'used up at', 'input_tokens ×', 'drawn from'])
    expect(out).toContain(word);
});
