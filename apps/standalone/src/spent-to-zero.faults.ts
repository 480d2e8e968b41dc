import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { callingAt } from './testing/calling';
import { ADMIN_KEY, ServerProcess } from './testing/server-process';

interface Listed {
  readonly key: string;
  readonly wallets: readonly { readonly key: string; readonly unit: string }[];
}

let folder: string;
let server: ServerProcess;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-spent-'));
  server = await ServerProcess.start({ dataFolder: folder });
});
afterAll(async () => {
  await ServerProcess.endAll();
  rmSync(folder, { recursive: true, force: true });
});

let sent = 0;
const call = callingAt(() => server.url, ADMIN_KEY);
const done = async (method: string, route: string, json?: unknown): Promise<Record<string, unknown>> => {
  const { status, body } = await call(method, route, json, { 'idempotency-key': `spent ${String(sent++)}` });
  if (status >= 300) throw new Error(`${method} ${route}: ${String(status)} ${JSON.stringify(body)}`);
  return body;
};
const report = async (organization: string, hours: string): Promise<unknown> => {
  const data = { service_type: 'compute', quantity: hours, unit: 'hours', enforce: true };
  const about = { id: `spent-${String(sent++)}`, source: 'spent', type: 'drawdown.usage.v1', subject: organization };
  const event = { specversion: '1.0', ...about, time: new Date().toISOString(), data };
  const { results } = await done('POST', '/v1/events?wait=charged', event);
  return (results as readonly unknown[])[0];
};

test('FLD-44: on the started product, with each preset, what is spent to zero buys nothing more', async () => {
  const presets = (await done('GET', '/v1/presets'))['data'] as readonly Listed[];
  expect(presets.length).toBeGreaterThan(0);
  for (const { key, wallets } of presets) {
    for (const { key: wallet, unit } of wallets) {
      const [organization, card] = [`of-${key}-${wallet}`, `card-${key}-${wallet}`];
      const O = `/v1/organizations/${organization}`;
      await done('POST', '/v1/organizations', { id: organization, name: key, preset: key });
      await done('POST', '/v1/rate-cards', { key: card, name: key, unit });
      const rate = {
        service_type: 'compute',
        wallet,
        price: { type: 'flat_rate', credits_per_unit: '2', unit: 'hours' },
      };
      await done('POST', `/v1/rate-cards/${card}/versions`, { rates: [rate] });
      await done('POST', `/v1/rate-cards/${card}/versions/1/activate`, {});
      await done('PUT', `${O}/rate-card`, { key: card });
      await done('POST', `${O}/wallets/${wallet}/grants`, {
        credit_type: 'purchased',
        amount: '3',
        reason: 'to be spent',
      });

      expect(await report(organization, '1.5')).toMatchObject({ outcome: 'charged', balance_after: '0' });
      expect(await report(organization, '0.000000001')).toMatchObject({ outcome: 'refused', code: 'out_of_credits' });
      const asked = await done('POST', `${O}/check`, { service_type: 'compute' });
      expect(asked).toMatchObject({ allowed: false, code: 'out_of_credits', available: '0' });
      const hold = { wallet, amount: '0.000000001' };
      const held = await call('POST', `${O}/holds`, hold, { 'idempotency-key': `hold ${organization}` });
      expect([held.status, held.body['code']]).toEqual([402, 'out_of_credits']);
    }
  }
});
