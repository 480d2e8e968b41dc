import { flatRate, instant, later, START } from '@drawdown/domain/testing';
import { CATALOGUE } from '@drawdown/kernel';
import { faultyEventStore, inMemoryEventStore } from '@drawdown/ports/testing';
import { LedgerUnavailable } from '../ledger';
import { LocalCatalogue } from './local-catalogue';
import { createCard, openLedger, recordingStore, SENDER, used, VirtualTime, withOrganization } from '../testing';

const opened = async (store = inMemoryEventStore()) => {
  const time = new VirtualTime();
  const open = async (): Promise<LocalCatalogue> => {
    const catalogue = new LocalCatalogue(store, { now: () => START }, undefined, time.sleep);
    await catalogue.start();
    return catalogue;
  };
  return { catalogue: await open(), open, store, time };
};
const key = { name: 'k', scopes: ['read'], organizationId: null } as const;
const card = { key: 'card', name: 'Card', unit: 'credit', organizationId: null };
const version = (credits: string) => ({ rates: [flatRate('llm_call', credits)], rounding: null, effectiveFrom: null });

describe('rate cards', () => {
  test('FLD-62: saved, activated and read again after a restart; the compiled card is the same until it changes', async () => {
    const { catalogue, open } = await opened();
    expect(await catalogue.rateCards.create(card, SENDER)).toMatchObject({ accepted: true, value: { key: 'card' } });
    await catalogue.rateCards.saveVersion('card', version('2'), SENDER);
    const before = catalogue.rateCards.compiled('card');
    expect(catalogue.rateCards.compiled('card')).toBe(before);
    const activated = await catalogue.rateCards.activateVersion('card', 1, instant('2026-01-01'), SENDER);
    expect(activated).toMatchObject({ accepted: true });
    expect(catalogue.rateCards.compiled('card')).not.toBe(before);
    const restarted = await open();
    expect(restarted.rateCards.all()).toEqual(catalogue.rateCards.all());
    expect(restarted.rateCards.get('card')?.versions).toMatchObject([
      { state: 'active', effectiveFrom: instant('2026-01-01') },
    ]);
    const saved = await restarted.rateCards.saveVersion('card', version('3'), SENDER);
    expect(saved).toMatchObject({ accepted: true, value: { version: 2 } });
    expect(saved.accepted && saved.position.get(CATALOGUE)).toBe(3);
  });

  test('what is not there cannot be changed, what is there not be made again', async () => {
    const { catalogue } = await opened();
    const notFound = { accepted: false, refusal: { code: 'not_found' } };
    expect(await catalogue.rateCards.saveVersion('card', version('1'), SENDER)).toMatchObject(notFound);
    expect(await catalogue.rateCards.activateVersion('card', 1, null, SENDER)).toMatchObject(notFound);
    await catalogue.rateCards.create(card, SENDER);
    expect(await catalogue.rateCards.create(card, SENDER)).toMatchObject({
      accepted: false,
      refusal: { code: 'already_exists' },
    });
    expect(await catalogue.rateCards.activateVersion('card', 9, null, SENDER)).toMatchObject(notFound);
  });

  test('two writers at once, with the very same content: one makes it, the other is told that it exists', async () => {
    const { catalogue, open } = await opened();
    const other = await open();
    for (const writers of [
      [catalogue, catalogue],
      [catalogue, other],
    ]) {
      const name = { ...card, key: `card-${String(writers.indexOf(other))}` };
      const made = await Promise.all(writers.map((writer) => writer.rateCards.create(name, SENDER)));
      expect(made.map(({ accepted }) => accepted).sort()).toEqual([false, true]);
    }
    const versions = await Promise.all(
      [catalogue, other, catalogue].map((writer) => writer.rateCards.saveVersion('card-1', version('1'), SENDER)),
    );
    expect(versions.map((saved) => saved.accepted && saved.value.version).sort()).toEqual([1, 2, 3]);
  });
});

describe('INV-TIM-10: a version that has priced something keeps its interval', () => {
  test('the next one begins after the latest event time it priced, also after a restart', async () => {
    const world = await openLedger();
    await withOrganization(world);
    const last = later(START, { minutes: 4 });
    await world.charge(
      used('a'),
      used('b', '1', { time: last }),
      used('c', '1', { time: later(START, { seconds: 1 }) }),
    );
    for (const { catalogue } of [world, await world.again()]) {
      await catalogue.rateCards.saveVersion('card', version('2'), SENDER);
      expect(await catalogue.rateCards.activateVersion('card', 2, last, SENDER)).toMatchObject({
        refusal: { code: 'invalid_interval' },
      });
    }
    const after = later(last, { micros: 1 });
    expect(await world.catalogue.rateCards.activateVersion('card', 2, after, SENDER)).toMatchObject({ accepted: true });
  });

  test('whatever its number: drafts may be activated in any order', async () => {
    const world = await openLedger();
    await createCard(world);
    for (const credits of ['2', '3', '4'])
      await world.catalogue.rateCards.saveVersion('card', version(credits), SENDER);
    await world.catalogue.rateCards.activateVersion('card', 3, instant('2025-01-01'), SENDER);
    await world.catalogue.rateCards.activateVersion('card', 2, instant('2026-01-01'), SENDER);
    await withOrganization(world);
    await world.charge(used('a'));
    expect(await world.catalogue.rateCards.activateVersion('card', 4, START, SENDER)).toMatchObject({
      accepted: false,
    });
  });

  test('while that is not known, nothing is activated', async () => {
    const store = faultyEventStore(inMemoryEventStore());
    const world = await openLedger({ store });
    await withOrganization(world);
    await world.catalogue.rateCards.saveVersion('card', version('2'), SENDER);
    await world.charge(used('a'));
    store.failNext('unavailable');
    await expect(world.charge(used('b'))).rejects.toThrow(LedgerUnavailable);
    await expect(world.catalogue.rateCards.activateVersion('card', 2, START, SENDER)).rejects.toThrow(
      LedgerUnavailable,
    );
    await world.time.until(world.available());
    expect(await world.catalogue.rateCards.activateVersion('card', 2, START, SENDER)).toMatchObject({
      accepted: false,
    });
  });
});

describe('API keys', () => {
  test('are found by their secret, of which only a hash is stored, until they are revoked', async () => {
    const { catalogue, open, store } = await opened();
    expect(catalogue.apiKeys.hasAny()).toBe(false);
    const made = await catalogue.apiKeys.create(key, SENDER);
    if (!made.accepted) throw new Error('no key');
    const { secret, id } = made.value;
    expect(secret).toMatch(/^ddk_[\w-]{43}$/);
    expect(JSON.stringify((await store.readAll(-1, 99)).map(({ data }) => Buffer.from(data).toString()))).not.toContain(
      secret,
    );
    for (const reader of [catalogue, await open()]) {
      expect(reader.apiKeys.find(secret)).toMatchObject({ id, name: 'k', scopes: ['read'], organizationId: null });
      expect(reader.apiKeys.find(`${secret}x`)).toBeUndefined();
      expect(reader.apiKeys.all()).toMatchObject([{ id }]);
      expect(JSON.stringify(reader.apiKeys.all())).not.toContain(secret);
    }
    expect(await catalogue.apiKeys.revoke(id, SENDER)).toMatchObject({ accepted: true, value: null });
    expect(await catalogue.apiKeys.revoke(id, SENDER)).toMatchObject({ accepted: true });
    for (const reader of [catalogue, await open()]) {
      expect(reader.apiKeys.find(secret)).toBeUndefined();
      expect(reader.apiKeys.all()).toEqual([]);
    }
    expect(await catalogue.apiKeys.revoke('key_x', SENDER)).toMatchObject({ accepted: false });
  });
});

describe('INV-LED-4: a write of unknown outcome', () => {
  test.each(['answer lost', 'request lost'] as const)(
    'is repeated identically until it is known (%s)',
    async (fault) => {
      const faults = faultyEventStore(inMemoryEventStore());
      const store = recordingStore(faults);
      const { catalogue, time } = await opened(store);
      faults.failNext(fault, fault);
      expect(await time.until(catalogue.rateCards.create(card, SENDER))).toMatchObject({ accepted: true });
      expect(new Set(store.appends.map(({ content }) => content)).size).toBe(1);
      expect(await store.head('rate-card-card')).toBe(0);
    },
  );

  test('that stays unknown is answered "unavailable", and what was stored is in force here all the same', async () => {
    const store = faultyEventStore(inMemoryEventStore());
    const { catalogue, time } = await opened(store);
    const made = await catalogue.apiKeys.create(key, SENDER);
    if (!made.accepted) throw new Error('no key');
    store.failNext(...Array.from({ length: 30 }, () => 'answer lost' as const));
    await expect(time.until(catalogue.apiKeys.revoke(made.value.id, SENDER))).rejects.toThrow(LedgerUnavailable);
    expect(catalogue.apiKeys.find(made.value.secret)).toBeUndefined();
  });

  test('a store that is unavailable is said to be, and nothing happened', async () => {
    const store = faultyEventStore(inMemoryEventStore());
    const { catalogue } = await opened(store);
    store.failNext('unavailable');
    await expect(catalogue.rateCards.create(card, SENDER)).rejects.toThrow(LedgerUnavailable);
    expect(catalogue.rateCards.get('card')).toBeUndefined();
    expect(await catalogue.rateCards.create(card, SENDER)).toMatchObject({ accepted: true });
  });
});

test('a test clock moves forward only', async () => {
  const { catalogue, open } = await opened();
  const made = await catalogue.testClocks.create(START, SENDER);
  if (!made.accepted) throw new Error('no clock');
  const { id } = made.value;
  const to = later(START, { days: 1 });
  for (const _ of ['moves', 'stands there already']) {
    expect(await catalogue.testClocks.advance(id, to, SENDER)).toMatchObject({
      accepted: true,
      value: { id, now: to },
    });
  }
  expect(await catalogue.testClocks.advance(id, START, SENDER)).toMatchObject({ refusal: { code: 'time_goes_back' } });
  expect((await open()).testClocks.get(id)).toEqual({ id, now: to });
  expect(await catalogue.testClocks.advance('clock_x', to, SENDER)).toMatchObject({ refusal: { code: 'not_found' } });
});

test('presets are those that the product ships', async () => {
  const { catalogue } = await opened();
  const [first] = catalogue.presets.all();
  expect(first && catalogue.presets.get(first.key)).toBe(first);
  expect(catalogue.presets.get('x')).toBeUndefined();
});
