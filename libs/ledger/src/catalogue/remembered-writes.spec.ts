import { flatRate, instant, later, START } from '@drawdown/domain/testing';
import { CATALOGUE } from '@drawdown/kernel';
import { inMemoryEventStore, type ManualClock, manualClock } from '@drawdown/ports/testing';
import { type Idempotency, LedgerUnavailable, type Sender } from '../ledger';
import { LocalCatalogue } from './local-catalogue';
import { leavingOut, SENDER, VirtualTime } from '../testing';

interface World {
  readonly catalogue: LocalCatalogue;
  readonly clock: ManualClock;
  /** Another process, or this one after a restart. */
  readonly again: () => Promise<LocalCatalogue>;
  readonly events: () => Promise<number>;
}
const opened = async (): Promise<World> => {
  const [store, clock, time] = [inMemoryEventStore(), manualClock(START), new VirtualTime()];
  const again = async (): Promise<LocalCatalogue> => {
    const catalogue = new LocalCatalogue(store, clock, undefined, time.sleep);
    await catalogue.start();
    return catalogue;
  };
  return { catalogue: await again(), clock, again, events: async () => (await store.readAll(-1, 500)).length };
};

const by = (key: string, hash = 'hash'): Idempotency => ({ key, hash });
const card = { key: 'card', name: 'Card', unit: 'credit', organizationId: null };
const version = (credits: string) => ({ rates: [flatRate('llm_call', credits)], rounding: null, effectiveFrom: null });
const other: Sender = { actor: { type: 'key', id: 'key_other', role: null }, requestId: 'r' };

/** Every kind of write, in an order in which all are accepted. */
const WRITES: Readonly<
  Record<string, (catalogue: LocalCatalogue, idempotency: Idempotency | null) => Promise<object>>
> = {
  create: (catalogue, key) => catalogue.rateCards.create(card, SENDER, key),
  save: (catalogue, key) => catalogue.rateCards.saveVersion('card', version('2'), SENDER, key),
  activate: (catalogue, key) => catalogue.rateCards.activateVersion('card', 1, instant('2026-01-01'), SENDER, key),
  clock: (catalogue, key) => catalogue.testClocks.create(START, SENDER, key),
};

test('INV-INT-8: every write is done once per key, before and after a restart, and answered as the first time', async () => {
  const { catalogue, again, events } = await opened();
  const first = new Map<string, object>();
  for (const [name, write] of Object.entries(WRITES)) first.set(name, await write(catalogue, by(name)));
  // What comes later changes no answer that was given.
  await catalogue.rateCards.saveVersion('card', version('3'), SENDER);
  await catalogue.rateCards.activateVersion('card', 2, instant('2026-02-01'), SENDER);
  const before = await events();
  for (const asked of [catalogue, await again()]) {
    for (const [name, write] of Object.entries(WRITES)) {
      expect([name, await write(asked, by(name))]).toEqual([name, { ...first.get(name), replayed: true }]);
    }
  }
  expect(await events()).toBe(before);
});

test('a first answer is not made anew from what a store leaves out of it', async () => {
  let gone = NaN;
  const lossy = leavingOut(inMemoryEventStore(), (revision) => revision === gone);
  const catalogue = new LocalCatalogue(lossy, manualClock(START), undefined, new VirtualTime().sleep);
  await catalogue.start();
  await catalogue.rateCards.create(card, SENDER);
  const first = await catalogue.rateCards.saveVersion('card', version('2'), SENDER, by('first'));
  await catalogue.rateCards.saveVersion('card', version('3'), SENDER);
  const again = (): Promise<object> => catalogue.rateCards.saveVersion('card', version('2'), SENDER, by('first'));
  expect(await again()).toEqual({ ...first, replayed: true });
  for (gone of [0, 1]) await expect(again()).rejects.toBeInstanceOf(LedgerUnavailable);
});

test('a clock is moved once per key, and where it stood there already that is remembered, too', async () => {
  const { catalogue, again } = await opened();
  const made = await catalogue.testClocks.create(START, SENDER, by('make'));
  if (!('value' in made)) throw new Error('no clock');
  const { id } = made.value;
  const [first, last] = [later(START, { days: 1 }), later(START, { days: 2 })];
  for (const key of ['moves', 'stands']) await catalogue.testClocks.advance(id, first, SENDER, by(key));
  await catalogue.testClocks.advance(id, last, SENDER);
  for (const asked of [catalogue, await again()]) {
    for (const key of ['moves', 'stands']) {
      expect(await asked.testClocks.advance(id, first, SENDER, by(key))).toMatchObject({
        accepted: true,
        value: { id, now: first },
        replayed: true,
      });
    }
    expect(asked.testClocks.get(id)?.now).toBe(last);
  }
});

test('the same key with another content is refused, whatever it writes; a key belongs to its sender', async () => {
  const { catalogue, again, events } = await opened();
  await catalogue.rateCards.create(card, SENDER, by('one'));
  const before = await events();
  for (const asked of [catalogue, await again()]) {
    const reused = { accepted: false, keyReused: true };
    expect(await asked.rateCards.create({ ...card, name: 'x' }, SENDER, by('one', 'another'))).toEqual(reused);
    expect(await asked.rateCards.saveVersion('card', version('1'), SENDER, by('one', 'another'))).toEqual(reused);
    expect(await asked.testClocks.create(START, SENDER, by('one'))).toEqual(reused);
  }
  expect(await events()).toBe(before);
  expect(await catalogue.testClocks.create(START, other, by('one'))).toMatchObject({ accepted: true, replayed: false });
});

test('repeated at once, by one process or two: done once, with one answer', async () => {
  const { catalogue, again, events } = await opened();
  await catalogue.rateCards.create(card, SENDER);
  const second = await again();
  for (const [name, write] of Object.entries({ clock: WRITES['clock'], save: WRITES['save'] })) {
    const before = await events();
    const all = await Promise.all(
      [catalogue, catalogue, second, second].map(async (asked) => write?.(asked, by(name))),
    );
    expect(await events()).toBe(before + 1);
    for (const one of all) expect(one).toEqual({ ...all[0], replayed: expect.any(Boolean) as boolean });
    expect(all.filter((one) => one !== undefined && 'replayed' in one && one.replayed === false)).toHaveLength(1);
  }
});

test('an API key is made once, by one process or two, and no answer but the first has its secret', async () => {
  const { catalogue, clock, again } = await opened();
  const second = await again();
  const key = { name: 'k', scopes: ['read'], organizationId: null } as const;
  const make = (asked: LocalCatalogue) => asked.apiKeys.create(key, SENDER, by('key'));
  const all = await Promise.all([catalogue, catalogue, second, second].map(make));
  const values = [...all, await make(catalogue), await make(await again())].map(
    (made) => 'value' in made && made.value,
  );
  expect(new Set(values.map((made) => made && made.id)).size).toBe(1);
  const secrets = values.flatMap((made) => (made === false ? [] : (made.secret ?? [])));
  expect(secrets).toHaveLength(1);
  expect((await again()).apiKeys.find(secrets[0] ?? '')).toMatchObject({ name: 'k' });
  expect(await second.apiKeys.create(key, SENDER, by('key', 'another'))).toEqual({ accepted: false, keyReused: true });
  clock.moveTo(later(START, { days: 41 }));
  await catalogue.rateCards.create(card, SENDER, by('newer'));
  // No longer remembered, and still no second key.
  expect(await make(catalogue)).toMatchObject({ refusal: { code: 'already_exists' } });
  expect((await again()).apiKeys.all()).toHaveLength(1);
});

test('a refusal is not remembered', async () => {
  const { catalogue } = await opened();
  const save = () => catalogue.rateCards.saveVersion('card', version('1'), SENDER, by('early'));
  expect(await save()).toMatchObject({ refusal: { code: 'not_found' } });
  await catalogue.rateCards.create(card, SENDER);
  expect(await save()).toMatchObject({ accepted: true, replayed: false });
});

test('keys are remembered for 40 days, and not for ever', async () => {
  const { catalogue, clock, again } = await opened();
  const first = await catalogue.testClocks.create(START, SENDER, by('old'));
  const repeat = (asked: LocalCatalogue) => asked.testClocks.create(START, SENDER, by('old'));
  clock.moveTo(later(START, { days: 40, micros: -1 }));
  await catalogue.rateCards.create(card, SENDER, by('newer'));
  for (const asked of [catalogue, await again()]) expect(await repeat(asked)).toEqual({ ...first, replayed: true });
  clock.moveTo(later(START, { days: 41 }));
  await catalogue.rateCards.saveVersion('card', version('1'), SENDER, by('newest'));
  for (const asked of [catalogue, await again()]) {
    expect(await repeat(asked)).toMatchObject({ refusal: { code: 'already_exists' } });
  }
});

test('the answer has the position of what was written', async () => {
  const { catalogue } = await opened();
  for (const name of ['a', 'b', 'c']) await catalogue.testClocks.create(START, SENDER, by(name));
  const again = await catalogue.testClocks.create(START, SENDER, by('b'));
  expect('position' in again && again.position.get(CATALOGUE)).toBe(1);
});
