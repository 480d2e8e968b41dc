import { SYSTEM } from '@drawdown/domain';
import { START } from '@drawdown/domain/testing';
import { LocalCatalogue } from '@drawdown/ledger';
import type { EventStore } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { ensureAdminKey, makeFirstKey } from './admin-key';

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
const keys = async (): Promise<readonly string[]> => (await starting()).apiKeys.all().map(({ id }) => id);

describe('processes that start at once on a new installation', () => {
  test('make the configured admin key once, and all of them know it', async () => {
    const all = [await starting(), await starting(), await starting()];
    expect(await Promise.all(all.map((one) => ensureAdminKey(one, SECRET)))).toEqual([undefined, undefined, undefined]);
    expect(await keys()).toEqual(['key_admin-1']);
    for (const one of all) expect(one.apiKeys.find(SECRET)?.id).toBe('key_admin-1');
  });

  test('generate one, which exactly one of them says', async () => {
    const all = [await starting(), await starting(), await starting()];
    const said = await Promise.all(all.map((one) => makeFirstKey(one)));
    const [first, ...more] = said.filter((one) => one !== null);
    expect(more).toEqual([]);
    expect(await keys()).toEqual(['key_admin-1']);
    for (const one of all) expect(one.apiKeys.find(first?.secret ?? '')?.id).toBe('key_admin-1');
  });

  test('make one key for each secret where they are configured differently', async () => {
    const [one, other] = [await starting(), await starting()];
    await Promise.all([ensureAdminKey(one, SECRET), ensureAdminKey(other, OTHER)]);
    const later = await starting();
    expect([SECRET, OTHER].map((secret) => later.apiKeys.find(secret) !== undefined)).toEqual([true, true]);
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
  await first.apiKeys.revoke('key_admin-1', SENDER);
  await expect(ensureAdminKey(await starting(), SECRET)).rejects.toThrow('was revoked');
  expect(await keys()).toEqual([]);
  expect((await makeFirstKey(await starting()))?.secret).toMatch(/^ddk_/);
});

describe('a generated key', () => {
  test('that was shown is there for good', async () => {
    const first = await makeFirstKey(await starting());
    expect(await first?.shown()).toBe(true);
    const later = await starting();
    expect(await makeFirstKey(later)).toBeNull();
    expect(later.apiKeys.find(first?.secret ?? '')?.id).toBe('key_admin-1');
  });

  test('of which nobody was told, since its process ended before, is replaced at the next start', async () => {
    const lost = await makeFirstKey(await starting());
    const later = await starting();
    const next = await makeFirstKey(later);
    expect(await next?.shown()).toBe(true);
    expect(later.apiKeys.find(lost?.secret ?? '')).toBeUndefined();
    expect(await keys()).toEqual(['key_admin-2']);
    // The first one was only slow: it is told that its key does not count.
    expect(await lost?.shown()).toBe(false);
  });

  test('beside one that was configured meanwhile is revoked and not replaced', async () => {
    await makeFirstKey(await starting());
    await ensureAdminKey(await starting(), SECRET);
    expect(await makeFirstKey(await starting())).toBeNull();
    expect(await keys()).toEqual(['key_admin-2']);
  });
});

describe('a generated key that another process takes for one nobody was told of', () => {
  test('stays, where somebody was told in that moment', async () => {
    const told = await makeFirstKey(await starting());
    const late = await starting(); // it knows nothing yet of what follows
    expect(await told?.shown()).toBe(true);
    expect(await makeFirstKey(late)).toBeNull();
    expect((await starting()).apiKeys.find(told?.secret ?? '')).toBeDefined();
  });

  test('is replaced where the keys that were made with it cannot do what it could', async () => {
    await makeFirstKey(await starting());
    const app = { name: 'app', scopes: ['usage:write'], organizationId: null } as const;
    await (await starting()).apiKeys.create(app, SENDER);
    const replaced = await makeFirstKey(await starting());
    expect((await starting()).apiKeys.find(replaced?.secret ?? '')?.scopes).toContain('admin');
  });

  test('is not replaced where the last admin key was given up', async () => {
    const first = await makeFirstKey(await starting());
    await first?.shown();
    const admin = await starting();
    await admin.apiKeys.create({ name: 'app', scopes: ['usage:write'], organizationId: null }, SENDER);
    await admin.apiKeys.revoke('key_admin-1', SENDER);
    expect(await makeFirstKey(await starting())).toBeNull();
  });
});
