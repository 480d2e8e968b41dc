/** Compares what clients were told with what the server shows: nothing missing, nothing doubled, nothing else. */
import { all, insist, type Reply, untilAvailable } from '../api';
import { perform } from './generator';
import type { Journaled, Operation } from './journal';
import { ORGANIZATIONS } from './operations';

const ONE = 1_000_000_000n;

/** Decimal text as 10⁻⁹ parts. */
export const parts = (text: unknown): bigint => {
  const [, sign = '', whole = '0', fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(String(text)) ?? [];
  const magnitude = BigInt(whole) * ONE + BigInt(fraction.padEnd(9, '0'));
  return sign === '-' ? -magnitude : magnitude;
};

/** What the books of an organization must be, from the journal alone. */
export interface Expected {
  readonly settled: bigint;
  readonly held: bigint;
  /** Change of the balance by transaction. */
  readonly transactions: ReadonlyMap<string, bigint>;
}

interface Event {
  readonly id: string;
  readonly subject: string;
  readonly data: {
    readonly quantity?: string;
    readonly quantities?: { readonly input_tokens: string; readonly output_tokens: string };
  };
}

const priceOf = ({ data: { quantity, quantities } }: Event): bigint => {
  if (quantities === undefined) return (parts(quantity) * 5n) / 10n;
  return (parts(quantities.input_tokens) * 300n + parts(quantities.output_tokens) * 1500n) / 1_000_000n;
};

/** Builds the expectation; throws where the answers alone contradict each other. */
export const expectedBooks = (journal: readonly Journaled[]): ReadonlyMap<string, Expected> => {
  const books = new Map(
    ORGANIZATIONS.map((name) => [name as string, { settled: 0n, held: 0n, transactions: new Map<string, bigint>() }]),
  );
  const enter = (organization: string, transaction: unknown, change: bigint): void => {
    const book = books.get(organization);
    if (book === undefined || typeof transaction !== 'string')
      throw new Error(`${organization}: no such book, or no transaction`);
    const known = book.transactions.get(transaction);
    if (known !== undefined && known !== change)
      throw new Error(`${transaction} is ${String(known)} and ${String(change)}`);
    if (known === undefined) book.settled += change;
    book.transactions.set(transaction, change);
  };
  const openHolds = new Map<string, { readonly organization: string; readonly amount: bigint }>();
  for (const { operation, reply } of journal) {
    if (reply === null || reply.status >= 300) continue;
    const { organization, body, kind, path } = operation;
    const amount = parts((body as { readonly amount?: string }).amount ?? '0');
    const holdId = path.split('/')[5] ?? '';
    if (kind === 'usage') enterUsage(body as Event[], reply, enter);
    if (kind === 'grant') enter(organization, (reply.body['transaction'] as { readonly id: string }).id, amount);
    if (kind === 'refund') {
      const [transaction] = reply.body['transactions'] as { readonly id: string }[];
      enter(organization, transaction?.id, parts(reply.body['credits']));
    }
    if (kind === 'hold') openHolds.set(String(reply.body['id']), { organization, amount });
    if (kind === 'capture') enter(organization, reply.body['transaction_id'], -amount);
    if (kind === 'capture' || kind === 'release') openHolds.delete(holdId);
  }
  for (const { organization, amount } of openHolds.values()) {
    const book = books.get(organization);
    if (book !== undefined) book.held += amount;
  }
  return books;
};

const enterUsage = (
  events: readonly Event[],
  reply: Reply,
  enter: (organization: string, transaction: unknown, change: bigint) => void,
): void => {
  const results = reply.body['results'] as {
    readonly outcome: string;
    readonly transaction_id: string;
    readonly credits_debited: string;
  }[];
  if (results.length !== events.length) throw new Error('not every event was answered');
  events.forEach((event, index) => {
    const result = results[index];
    if (result === undefined || !['charged', 'duplicate', 'conflict', 'refused'].includes(result.outcome)) {
      throw new Error(`${event.id}: unexpected ${JSON.stringify(result)}`);
    }
    if (result.outcome !== 'charged' && result.outcome !== 'duplicate') return;
    if (parts(result.credits_debited) !== priceOf(event))
      throw new Error(`${event.id}: priced ${result.credits_debited}`);
    enter(event.subject, result.transaction_id, -priceOf(event));
  });
};

export interface Found extends Expected {
  /** Σ over the breakdown, a read model of its own. */
  readonly consumed: bigint;
  /** Faults in the chain of balances, in words. */
  readonly broken: readonly string[];
}

/**
 * What the server shows: balances from its memory, transactions and breakdown from the read models. A read that takes too
 * long on a machine that others use is asked again, as its answer says.
 */
export const foundBooks = async (url: string, organization: string): Promise<Found> => {
  const base = `${url}/v1/organizations/${organization}`;
  const wallet = await insist(`${base}/wallets/credits`, 'GET');
  const after = (wallet['as_of'] as { readonly position: string }).position;
  const transactions = await all(`${base}/transactions?order=asc&period=all&after=${after}`, insist);
  const breakdown = await insist(`${base}/breakdown?by=workspace&period=all&after=${after}`, 'GET');
  const balance = wallet['balance'] as { readonly settled: string; readonly held: string; readonly debt: string };
  const broken = [
    ...brokenChain(transactions, parts(balance.settled)),
    ...brokenLots(await all(`${base}/wallets/credits/lots?after=${after}`, insist), balance),
    ...(await forgotten(base, after)),
  ];
  return {
    settled: parts(balance.settled),
    held: parts(balance.held),
    transactions: new Map(
      transactions.map((transaction): [string, bigint] => [String(transaction['id']), changeOf(transaction)]),
    ),
    consumed: parts(breakdown['total']),
    broken,
  };
};

type Document = Readonly<Record<string, unknown>>;

const changeOf = (transaction: Document): bigint =>
  parts(transaction['credits_credited']) - parts(transaction['credits_debited']);

/** Each transaction begins where the one before it ended, and the last ends with the balance. */
const brokenChain = (transactions: readonly Document[], settled: bigint): string[] => {
  const broken: string[] = [];
  let balance = 0n;
  transactions.forEach((transaction, index) => {
    const [before, next] = [parts(transaction['balance_before']), parts(transaction['balance_after'])];
    if (before !== balance || next - before !== changeOf(transaction) || transaction['sequence'] !== index + 1) {
      broken.push(`transaction ${String(transaction['id'])} at ${String(index + 1)} does not follow the one before it`);
    }
    balance = next;
  });
  if (balance !== settled) broken.push(`the last transaction ends with ${String(balance)}, not ${String(settled)}`);
  return broken;
};

/** What the lots hold, less the debt, is the balance. */
const brokenLots = (
  lots: readonly Document[],
  { settled, debt }: { readonly settled: string; readonly debt: string },
): string[] => {
  const remaining = lots.reduce((sum, lot) => sum + parts(lot['remaining']), 0n);
  return remaining - parts(debt) === parts(settled) ? [] : [`lots hold ${String(remaining)}, debt is ${debt}`];
};

/** The log, folded from its beginning, says the same as the server's memory. */
const forgotten = async (base: string, position: string): Promise<string[]> => {
  const [now, folded] = await Promise.all([
    insist(`${base}/balance?wallet=credits`, 'GET'),
    insist(`${base}/balance?wallet=credits&as_of=${position}`, 'GET'),
  ]);
  const [memory, log] = [now, folded].map(({ as_of: _, ...rest }) => JSON.stringify(rest));
  return memory === log ? [] : [`memory ${String(memory)}`, `log ${String(log)}`];
};

/** What a repetition of an operation must leave as it is. */
const memorable = (operation: Operation, reply: Reply): unknown =>
  operation.kind === 'usage' && reply.status === 200
    ? (reply.body['results'] as { readonly outcome: string; readonly transaction_id: string }[]).map(
        ({ outcome, transaction_id }) => [outcome === 'duplicate' ? 'charged' : outcome, transaction_id],
      )
    : [reply.status, reply.body['code'] ?? null, reply.body['id'] ?? null, reply.body['transaction_id'] ?? null];

/** Repeats operations, each until what became of it is known; answers those whose repetition was answered differently. */
export const repeated = async (url: string, journal: readonly Journaled[]): Promise<readonly object[]> => {
  const different: object[] = [];
  for (const { operation, reply } of journal) {
    if (reply === null) continue;
    const again = await untilAvailable(() => perform(url, operation));
    const [first, second] = [memorable(operation, reply), memorable(operation, again)];
    if (JSON.stringify(first) !== JSON.stringify(second)) different.push({ operation, first, second });
  }
  return different;
};
