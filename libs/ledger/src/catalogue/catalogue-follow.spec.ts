import { createHash } from 'node:crypto';
import { flatRate, instant, later, START } from '@drawdown/domain/testing';
import { CATALOGUE } from '@drawdown/kernel';
import { type EventStore, NO_LOG, type StoredEvent, StoreUnavailable } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';

import { FollowedCatalogue } from './followed-catalogue';
import { LedgerUnavailable } from '../ledger';
import { CatalogueBehind } from './catalogue-progress';
import { LocalCatalogue } from './local-catalogue';
import type { LastPriced } from './rate-cards';
import type { CatalogueResult, RepeatableResult } from './results';
import { delegating, SENDER, VirtualTime } from '../testing';

const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

/** A process whose catalogue follows the store; `followed` rejects where following ends with an error. */
const following = async (store: EventStore, lastPriced?: LastPriced) => {
  const time = new VirtualTime();
  const catalogue = new LocalCatalogue(store, { now: () => START }, lastPriced, time.sleep);
  await catalogue.start();
  const stop = new AbortController();
  stops.push(stop);
  const followed = catalogue.follow(stop.signal);
  followed.catch(() => undefined);
  return { catalogue, time, followed, stop };
};

const positionIn = (result: CatalogueResult<unknown> | RepeatableResult<unknown>): number => {
  if (!result.accepted) throw new Error(`refused: ${JSON.stringify(result)}`);
  return result.position.get(CATALOGUE) ?? -1;
};

const card = { key: 'card', name: 'Card', unit: 'credit', organizationId: null };
const version = { rates: [flatRate('llm_call')], rounding: null, effectiveFrom: null };

const activated = async (catalogue: LocalCatalogue, from = instant('2026-01-01')): Promise<number> => {
  await catalogue.rateCards.create(card, SENDER);
  await catalogue.rateCards.saveVersion('card', version, SENDER);
  return positionIn(await catalogue.rateCards.activateVersion('card', 1, from, SENDER));
};

/** Something that this release does not know, whole and at its place. */
const writeOfNewerRelease = async (store: EventStore): Promise<void> => {
  const unreadable = { id: '00000000-0000-8000-8000-000000000000', type: 'Unheard', data: Buffer.from('{}') };
  const hash = createHash('sha256').update('rate-card-x\n0\nUnheard\n{}').digest('hex');
  const metadata = { version: 1, booked_at: START, actor: { type: 'system', id: 's', role: null }, hash };
  await store.append('rate-card-x', 0, [{ ...unreadable, metadata }]);
};

describe('a catalogue that several processes write', () => {
  test('shows what another process wrote, once its position is reached', async () => {
    const store = inMemoryEventStore();
    const [one, other] = [await following(store), await following(store)];
    const position = await activated(one.catalogue);
    await other.time.until(other.catalogue.reached(position));
    expect(other.catalogue.rateCards.get('card')).toEqual(one.catalogue.rateCards.get('card'));
    expect(other.catalogue.rateCards.compiled('card')).toBeDefined();
    expect(other.catalogue.seen).toBe(position);
    expect(other.catalogue.covered).toBe(position);
  });

  test('a key made by one opens at the other, and stops to when it is revoked', async () => {
    const store = inMemoryEventStore();
    const [one, other] = [await following(store), await following(store)];
    const made = await one.catalogue.apiKeys.create({ name: 'k', scopes: ['read'], organizationId: null }, SENDER);
    if (!made.accepted) throw new Error('refused');
    await other.time.until(other.catalogue.reached(positionIn(made)));
    expect(other.catalogue.apiKeys.find(made.value.secret)?.id).toBe(made.value.id);
    const revoked = await one.catalogue.apiKeys.revoke(made.value.id, SENDER);
    await other.time.until(other.catalogue.reached(positionIn(revoked)));
    expect(other.catalogue.apiKeys.find(made.value.secret)).toBeUndefined();
  });

  describe('of which one has not heard yet what the other wrote', () => {
    /** Two processes, the second of which hears nothing. */
    const apart = async () => {
      const store = inMemoryEventStore();
      const deaf: EventStore = {
        ...delegating(store),
        async *followAll(_, __, signal) {
          yield await new Promise<never>((resolve) => signal.addEventListener('abort', resolve as () => void));
        },
      };
      const [one, other] = [await following(store), await following(deaf)];
      return { one: one.catalogue, other: other.catalogue };
    };

    test('goes on with it there all the same: what refuses is what is stored, not what this process has heard', async () => {
      const { one, other } = await apart();
      const clock = await one.testClocks.create(START, SENDER);
      if (!clock.accepted) throw new Error('refused');
      await one.rateCards.create(card, SENDER);
      expect(await other.rateCards.saveVersion('card', version, SENDER)).toMatchObject({ value: { version: 1 } });
      const made = await one.rateCards.saveVersion('card', version, SENDER);
      expect(made).toMatchObject({ value: { version: 2 } });
      expect(await other.rateCards.activateVersion('card', 2, START, SENDER)).toMatchObject({ accepted: true });
      const to = later(START, { minutes: 1 });
      expect(await other.testClocks.advance(clock.value.id, to, SENDER)).toMatchObject({ value: { now: to } });
      expect(await other.rateCards.saveVersion('nobody', version, SENDER)).toMatchObject({
        refusal: { code: 'not_found' },
      });
    });

    test('INV-INT-8: repeats it under its key as it was', async () => {
      const { one, other } = await apart();
      await activated(one);
      await one.rateCards.saveVersion('card', version, SENDER);
      const again = { key: 'k', hash: 'hash' };
      const from = instant('2026-02-01');
      const first = await one.rateCards.activateVersion('card', 2, from, SENDER, again);
      await one.rateCards.saveVersion('card', version, SENDER);
      expect(await other.rateCards.activateVersion('card', 2, from, SENDER, again)).toEqual({
        ...first,
        replayed: true,
      });
    });

    test('says how far the log goes with what it need not do any more', async () => {
      const { one, other } = await apart();
      const clock = await one.testClocks.create(START, SENDER);
      if (!clock.accepted) throw new Error('refused');
      const { id } = clock.value;
      expect(await other.testClocks.latest(id)).toBeDefined();
      const to = later(START, { minutes: 1 });
      const moved = await one.testClocks.advance(id, to, SENDER);
      if (!moved.accepted) throw new Error('refused');
      const again = await other.testClocks.advance(id, to, SENDER);
      expect(again).toMatchObject({ accepted: true, value: { now: to }, position: moved.position });
      expect(other.seen).toBe(positionIn(moved));
    });

    test('shows the latest where it is asked for that, and sends nothing on that does not wait for it', async () => {
      const { one, other } = await apart();
      const position = await activated(one);
      expect(other.rateCards.get('card')).toBeUndefined();
      expect(await other.rateCards.latest('card')).toEqual(one.rateCards.get('card'));
      expect(other.rateCards.compiled('card')).toBeDefined();
      expect(other.seen).toBe(position);
      const clock = await one.testClocks.create(START, SENDER);
      if (!clock.accepted) throw new Error('refused');
      expect(await other.testClocks.latest(clock.value.id)).toEqual(clock.value);
      expect([other.seen, other.covered]).toEqual([positionIn(clock), 0]);
      expect(await other.rateCards.latest('nobody')).toBeUndefined();
    });
  });

  test('the only process that writes has reached what it wrote itself', async () => {
    const time = new VirtualTime();
    const only = new LocalCatalogue(inMemoryEventStore(), { now: () => START }, undefined, time.sleep);
    await only.start();
    const position = await activated(only);
    expect(only.covered).toBe(position);
    await time.until(only.reached(position));
  });

  test('own writes do not hide that others’ writes before them are still to be read', async () => {
    const store = inMemoryEventStore();
    let hold = false;
    const slow: EventStore = {
      ...delegating(store),
      async *followAll(after, prefixes, signal) {
        for await (const page of store.followAll(after, prefixes, signal)) if (!hold) yield page;
      },
    };
    const [one, other] = [await following(store), await following(slow)];
    hold = true;
    const position = await activated(one.catalogue);
    const own = await other.catalogue.testClocks.create(START, SENDER);
    expect(positionIn(own)).toBeGreaterThan(position);
    expect(other.catalogue.seen).toBe(positionIn(own));
    expect(other.catalogue.covered).toBeLessThan(position);
    await expect(other.time.until(other.catalogue.reached(position))).rejects.toThrow(CatalogueBehind);
  });

  test('where what others wrote cannot be read, who asks for the latest is told to come again', async () => {
    const read: EventStore['read'] = () => Promise.reject(new StoreUnavailable('away'));
    const { catalogue } = await following({ ...delegating(inMemoryEventStore()), read });
    await expect(catalogue.rateCards.latest('card')).rejects.toThrow(LedgerUnavailable);
  });

  test('what both write at once is decided on what the first wrote', async () => {
    const store = inMemoryEventStore();
    const [one, other] = [await following(store), await following(store)];
    const clock = await one.catalogue.testClocks.create(START, SENDER);
    if (!clock.accepted) throw new Error('refused');
    const { id } = clock.value;
    await other.time.until(other.catalogue.reached(positionIn(clock)));
    const to = (minutes: number) => later(START, { minutes });
    const [far, near] = await Promise.all([
      one.catalogue.testClocks.advance(id, to(9), SENDER),
      other.catalogue.testClocks.advance(id, to(5), SENDER),
    ]);
    expect([far.accepted, near.accepted]).toEqual([true, false]);
  });

  test('following goes on after the store was away', async () => {
    const store = inMemoryEventStore();
    let failures = 3;
    const flaky: EventStore = {
      ...delegating(store),
      followAll: (...given) => {
        if (failures-- > 0) throw new StoreUnavailable('away');
        return store.followAll(...given);
      },
    };
    const [one, other] = [await following(store), await following(flaky)];
    const position = await activated(one.catalogue);
    await other.time.until(other.catalogue.reached(position));
    expect(failures).toBeLessThan(0);
  });

  test('following ends when it is told to, and where an event is of a newer release, which it names with its place (BAD-122)', async () => {
    const store = inMemoryEventStore();
    const [one, other] = [await following(store), await following(store)];
    one.stop.abort();
    await one.followed;
    await writeOfNewerRelease(store);
    await expect(other.followed).rejects.toThrow(
      'rate-card-x revision 0: event type Unheard is not known here; a newer release wrote it: start that one, or a later one',
    );
  });

  test('a process that cannot follow it any more has trouble, and is told to end what decides on it (BAD-122)', async () => {
    const store = inMemoryEventStore();
    const ports = { store, clock: { now: () => START }, log: NO_LOG };
    const followed = await new Promise<FollowedCatalogue>((resolve, reject) => {
      const lost = (): Promise<void> => Promise.resolve(resolve(following));
      const following = new FollowedCatalogue({ ...ports, lost });
      const begun = following.start().then(() => expect(following.trouble).toBeNull());
      begun.then(() => writeOfNewerRelease(store)).catch(reject);
    });
    expect(followed.trouble).toContain('start the version that wrote it');
    expect(followed.trouble).toContain('rate-card-x revision 0');
    await followed.stop();
  });
});

test('INV-AUD-1: what a process starts on is as it was saved: a changed price, instant or place is refused, and named', async () => {
  const written = inMemoryEventStore();
  await activated((await following(written)).catalogue);
  const log = await written.readAll(-1, 100, ['rate-card-']);
  const started = (changed: readonly StoredEvent[]): Promise<void> => {
    const readAll = async (after: number) => changed.filter(({ position }) => position > after);
    return new LocalCatalogue({ ...delegating(written), readAll }, { now: () => START }).start();
  };
  await started(log);
  for (const [revision, event] of log.entries()) {
    const text = Buffer.from(event.data).toString('utf8');
    const data = Buffer.from(text.replace(/\d/, (digit) => (digit === '1' ? '2' : '1')).replace('Card', 'Kard'));
    expect(data.toString('utf8')).not.toBe(text);
    for (const change of [{ data }, { type: 'RateCardCreated ' }]) {
      const named = `rate-card-card: the hash of revision ${String(revision)} does not match its content`;
      await expect(started(log.with(revision, { ...event, ...change }))).rejects.toThrow(named);
    }
  }
});

describe('INV-TIM-10: what a version has priced keeps its interval', () => {
  const away: LastPriced = () => Promise.reject(new CatalogueBehind('away'));

  const second = async (lastPriced: LastPriced) => {
    let asks: LastPriced = async () => null;
    const { catalogue } = await following(inMemoryEventStore(), (key, number) => asks(key, number));
    await activated(catalogue);
    asks = lastPriced;
    await catalogue.rateCards.saveVersion('card', version, SENDER);
    return catalogue.rateCards.activateVersion('card', 2, instant('2026-02-01'), SENDER);
  };

  test('whoever priced it, in whatever process', async () => {
    const asked: string[] = [];
    const refused = await second(async (key, number) => {
      asked.push(`${key} ${String(number)}`);
      return instant('2026-02-01');
    });
    expect(refused).toMatchObject({ accepted: false, refusal: { code: 'invalid_interval' } });
    expect(asked).toEqual(['card 1']);
  });

  test('where that cannot be known now nothing is activated', async () => {
    await expect(second(away)).rejects.toThrow('away');
    const { catalogue } = await following(inMemoryEventStore(), away);
    await expect(activated(catalogue)).rejects.toThrow('away');
    expect(catalogue.rateCards.get('card')?.versions[0]?.state).toBe('draft');
  });
});
