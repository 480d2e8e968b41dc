import { SYSTEM } from '@drawdown/domain';
import { START } from '@drawdown/domain/testing';
import { LocalCatalogue } from '@drawdown/ledger';
import type { EventStore } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { ensureAdminKey } from './admin-key';

const SECRET = 'a-secret-of-our-own-1';
const OTHER = 'a-secret-of-our-own-2';
const SENDER = { actor: SYSTEM, requestId: 'test' };

let store: EventStore;
beforeEach(() => {
  store = inMemoryEventStore();
});

/** A process that has read what there is. */
const starting = async (): Promise<LocalCatalogue> => {
  const catalogue = new LocalCatalogue(store, { now: () => START });
  await catalogue.start();
  return catalogue;
};
const keys = async (): Promise<readonly string[]> => (await starting()).apiKeys().map(({ id }) => id);

describe('processes that start at once on a new installation', () => {
  test('make the configured admin key once, and all of them know it', async () => {
    const all = [await starting(), await starting(), await starting()];
    expect(await Promise.all(all.map((one) => ensureAdminKey(one, SECRET)))).toEqual([null, null, null]);
    expect(await keys()).toEqual(['key_admin-1']);
    for (const one of all) expect(one.findApiKey(SECRET)?.id).toBe('key_admin-1');
  });

  test('generate one, which exactly one of them says', async () => {
    const all = [await starting(), await starting(), await starting()];
    const said = await Promise.all(all.map((one) => ensureAdminKey(one, undefined)));
    const [secret, ...more] = said.filter((one) => one !== null);
    expect(more).toEqual([]);
    expect(await keys()).toEqual(['key_admin-1']);
    for (const one of all) expect(one.findApiKey(secret ?? '')?.id).toBe('key_admin-1');
  });

  test('make one key for each secret where they are configured differently', async () => {
    const [one, other] = [await starting(), await starting()];
    await Promise.all([ensureAdminKey(one, SECRET), ensureAdminKey(other, OTHER)]);
    const later = await starting();
    expect([SECRET, OTHER].map((secret) => later.findApiKey(secret) !== undefined)).toEqual([true, true]);
    expect(await keys()).toHaveLength(2);
  });
});

test('a changed secret takes effect at the next start, beside the earlier one', async () => {
  for (const secret of [SECRET, SECRET, OTHER, OTHER]) await ensureAdminKey(await starting(), secret);
  expect(await keys()).toEqual(['key_admin-1', 'key_admin-2']);
});

test('a secret that was revoked does not come back by a restart', async () => {
  const first = await starting();
  await ensureAdminKey(first, SECRET);
  await first.revokeApiKey('key_admin-1', SENDER);
  await expect(ensureAdminKey(await starting(), SECRET)).rejects.toThrow('was revoked');
  expect(await keys()).toEqual([]);
  expect(await ensureAdminKey(await starting(), undefined)).toMatch(/^dk_/);
});
