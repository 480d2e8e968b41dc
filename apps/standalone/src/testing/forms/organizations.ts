import { randomUUID } from 'node:crypto';
import { shardOf } from '@drawdown/ledger';
import { insist, must } from '../api';
import { until } from '../until';

/** What every organization of these tests begins with, and what an hour costs it. */
const GRANTED_MILLIS = 1_000_000;
const MILLIS_PER_HOUR = 2_000;

/** For what a few hundred events leave behind, on a machine that others use. */
const TAKEN_MAX_MS = 90_000;

const keyed = () => ({ 'idempotency-key': randomUUID() });
const post = (url: string, body: unknown) => insist(url, 'POST', body, keyed());

/** A name that no other organization has. */
export const newOrganization = (n = 0): string => `form-${String(n)}-${randomUUID()}`;

/** Organizations with new names, whose hours cost two credits each. */
export const makeOrganizations = async (url: string, count: number): Promise<readonly string[]> => {
  const names = Array.from({ length: count }, (_, n) => newOrganization(n));
  await makeNamed(url, names);
  return names;
};

/** One organization in each shard, likewise. */
export const makeOneInEachShard = async (url: string, shards: number): Promise<readonly string[]> => {
  const names = new Map<number, string>();
  for (let name = newOrganization(); names.size < shards; name = newOrganization()) {
    names.set(shardOf(name, shards), name);
  }
  await makeNamed(url, [...names.values()]);
  return [...names.values()];
};

/** Organizations of these names, likewise. */
export const makeNamed = async (url: string, names: readonly string[]): Promise<void> => {
  const card = `hours-${randomUUID()}`;
  await post(`${url}/v1/rate-cards`, { key: card, name: 'Hours', unit: 'credit' });
  const rates = [{ service_type: 'compute', price: { type: 'flat_rate', credits_per_unit: '2', unit: 'hours' } }];
  await post(`${url}/v1/rate-cards/${card}/versions`, { rates });
  await post(`${url}/v1/rate-cards/${card}/versions/1/activate`, { effective_from: '2020-01-01T00:00:00Z' });
  for (const id of names) {
    await post(`${url}/v1/organizations`, { id, name: id, preset: 'enterprise' });
    await insist(`${url}/v1/organizations/${id}/rate-card`, 'PUT', { key: card }, keyed());
    const amount = String(GRANTED_MILLIS / 1_000);
    const grant = { credit_type: 'purchased', amount, reason: 'test' };
    await post(`${url}/v1/organizations/${id}/wallets/credits/grants`, grant);
  }
};

/** A usage event of so many thousandths of an hour. */
export const usageOf = (organization: string, id: string, hourMillis: number): Record<string, unknown> => ({
  ...{ specversion: '1.0', id, source: 'forms', type: 'drawdown.usage.v1', time: new Date().toISOString() },
  subject: organization,
  data: { workspace_id: 'w1', service_type: 'compute', quantity: String(hourMillis / 1_000), unit: 'hours' },
});

/** What is left when so many thousandths of an hour were used, and so many whole credits granted on top. */
export const leftAfter = (hourMillis: number, granted = 0): string =>
  String((GRANTED_MILLIS + granted * 1_000 - (hourMillis * MILLIS_PER_HOUR) / 1_000) / 1_000);

interface Wallet {
  readonly settled: string;
  readonly position: string;
}

/** With a position, as of that one or a later one: an api of its own shows what its projector has come to. */
export const walletOf = async (url: string, organization: string, ask = must, after?: string): Promise<Wallet> => {
  const query = after === undefined ? '' : `?after=${after}`;
  const body = await ask(`${url}/v1/organizations/${organization}/wallets/credits${query}`, 'GET');
  const { settled } = body['balance'] as { readonly settled: string };
  const { position } = body['as_of'] as { readonly position: string };
  return { settled, position };
};

/**
 * Waits until exactly so much is left: too much or too little at the end is an error, told with what there is. A read that
 * takes too long on a machine that others use is asked again, as its answer says; here and below.
 */
export const untilLeft = async (url: string, organization: string, left: string): Promise<Wallet> => {
  let wallet = await walletOf(url, organization, insist);
  const isLeft = async (): Promise<boolean> => (wallet = await walletOf(url, organization, insist)).settled === left;
  await until(`${left} are left`, TAKEN_MAX_MS, isLeft).catch((error: unknown) => {
    throw new Error(`${String(error)}; there are ${wallet.settled}`);
  });
  return wallet;
};

/** The read models know it, too: all charges of an organization, as of a position. */
export const chargesIn = async (url: string, organization: string, { position }: Wallet): Promise<number> => {
  const page = await insist(`${url}/v1/organizations/${organization}/transactions?limit=500&after=${position}`, 'GET');
  const rows = page['data'] as readonly { readonly service_type?: string }[];
  return rows.filter((row) => row.service_type === 'compute').length;
};
