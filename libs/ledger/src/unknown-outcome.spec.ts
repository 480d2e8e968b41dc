import { later, START } from '@drawdown/domain/testing';
import { type EventStore, StoreUnavailable } from '@drawdown/ports';
import { type AppendFault, faultyEventStore, type FaultyEventStore, inMemoryEventStore } from '@drawdown/ports/testing';
import { LedgerUnavailable } from './ledger';
import { delegating, grant, hold, mustBeAccepted, openLedger, recorded, recordingStore } from './testing';
import { used, withOrganization } from './testing';
import type { LedgerWorld } from './testing';

interface FaultyWorld extends LedgerWorld {
  readonly store: EventStore;
  readonly faults: FaultyEventStore;
  readonly sent: ReturnType<typeof recordingStore>;
}

const faultyLedger = async (): Promise<FaultyWorld> => {
  const faults = faultyEventStore(inMemoryEventStore());
  const sent = recordingStore(faults);
  const world = await openLedger({ store: sent });
  await withOrganization(world, { credits: '10' });
  sent.appends.length = 0;
  return { ...world, faults, sent };
};

const grantsIn = async (world: LedgerWorld): Promise<number> =>
  (await recorded(world.store)).filter(({ event }) => event.type === 'CreditsGranted').length;

describe('INV-LED-4, FLT-22: an append of unknown outcome', () => {
  const faults: AppendFault[][] = [
    ['answer lost'],
    ['request lost'],
    ['answer lost', 'request lost', 'answer lost', 'request lost'],
  ];

  test.each(faults.map((lost) => ({ lost })))(
    'is repeated until it is known: one copy, a success ($lost)',
    async ({ lost }) => {
      const world = await faultyLedger();
      world.faults.failNext(...lost);
      expect(await world.time.until(world.run(grant('5')))).toMatchObject({ accepted: true, replayed: false });
      expect(await grantsIn(world)).toBe(2);
      expect(await world.available()).toBe('15');
      expect(world.metrics.of('append_total{outcome=ambiguous}')).toBe(lost.length);
    },
  );

  test('is repeated identically: same revision, same ids, same bytes', async () => {
    const world = await faultyLedger();
    world.faults.failNext('request lost', 'request lost', 'answer lost');
    await world.time.until(Promise.all([world.run(grant('5'), { key: 'k' }), world.charge(used('1'), used('2'))]));
    expect(world.sent.appends).toHaveLength(4);
    expect(new Set(world.sent.appends.map(({ expected, content }) => `${String(expected)} ${content}`)).size).toBe(1);
    expect(world.metrics.of('append_total{outcome=idempotent}')).toBe(1);
  });

  test('is not decided again: the clock may have moved, the time of booking has not', async () => {
    const world = await faultyLedger();
    world.faults.failNext('request lost');
    const running = world.run(grant('5'));
    await world.time.pass(0);
    world.clock.advance(60_000_000n);
    await world.time.until(running);
    const last = (await recorded(world.store)).at(-1);
    expect(last?.bookedAt).toBe('2026-03-01T00:00:00.000000Z');
  });

  test('"unavailable" after it is no answer: what was stored stays a success', async () => {
    const world = await faultyLedger();
    world.faults.failNext('answer lost', 'unavailable', 'unavailable');
    expect(await world.time.until(world.run(grant('5')))).toMatchObject({ accepted: true });
    expect(await grantsIn(world)).toBe(2);
    expect(world.metrics.of('append_total{outcome=failed}')).toBe(0);
  });

  test('where another writer was first, it is decided again', async () => {
    const world = await faultyLedger();
    const other = await openLedger({ store: world.faults });
    world.faults.failNext('request lost');
    const late = world.run(hold('10'));
    await world.time.pass(0);
    expect(await other.run(hold('10'))).toMatchObject({ accepted: true });
    expect(await world.time.until(late)).toMatchObject({ accepted: false, refusal: { code: 'out_of_credits' } });
  });

  test('INV-LED-5: nobody is answered before it is known, and nobody sees it', async () => {
    const world = await faultyLedger();
    world.faults.failNext('answer lost');
    const answers: string[] = [];
    const granted = world.run(grant('5')).then(() => answers.push('granted'));
    await world.time.pass(0);
    const read = world.available().then((available) => answers.push(available));
    await world.time.pass(1);
    expect(answers).toEqual([]);
    await world.time.until(Promise.all([granted, read]));
    expect(answers.sort()).toEqual(['15', 'granted']);
  });
});

describe('FLT-20, FLT-24: a store that cannot take it', () => {
  test('callers are told "unavailable", nothing is stored, and the next attempt works', async () => {
    const world = await faultyLedger();
    const head = await world.store.head('ledger-0');
    world.faults.failNext('unavailable');
    const refused = await Promise.allSettled([world.run(grant('5'), { key: 'k' }), world.charge(used('1'))]);
    expect(refused.map((result) => result.status === 'rejected' && result.reason instanceof LedgerUnavailable)).toEqual(
      [true, true],
    );
    expect(await world.store.head('ledger-0')).toBe(head);
    expect(world.metrics.of('append_total{outcome=failed}')).toBe(1);
    expect(world.ledger.trouble).toMatch('the store is unavailable');
    expect(await world.time.until(world.run(grant('5'), { key: 'k' }))).toMatchObject({
      accepted: true,
      replayed: false,
    });
    expect(world.ledger.trouble).toBeNull();
    expect(await world.available()).toBe('15');
  });

  test('a shard that cannot be loaded meanwhile is no further failed append, however often it is tried', async () => {
    const world = await faultyLedger();
    world.faults.failNext('unavailable');
    const away = jest.spyOn(world.store, 'read').mockRejectedValue(new StoreUnavailable('away'));
    await expect(world.run(grant('5'))).rejects.toThrow(LedgerUnavailable);
    await world.time.pass(5_000);
    expect(world.metrics.of('shard_load_failures_total')).toBeGreaterThan(1);
    expect(world.metrics.of('append_total{outcome=failed}')).toBe(1);
    away.mockRestore();
    await world.time.pass(5_000);
    expect(world.ledger.trouble).toBeNull();
  });

  test('where nobody asks again, the shard is loaded again by itself, and books what has become due', async () => {
    const world = await faultyLedger();
    await mustBeAccepted(world.run(hold('3', later(START, { hours: 1 }))));
    world.faults.failNext('unavailable');
    await expect(world.run(grant('5'))).rejects.toThrow(LedgerUnavailable);
    world.clock.moveTo(later(START, { hours: 2 }));
    await world.time.pass(5_000);
    expect(world.ledger.trouble).toBeNull();
    expect((await recorded(world.store)).filter(({ event }) => event.type === 'HoldExpired')).toHaveLength(1);
  });

  test('FLT-25: it is left alone for a second before it is asked again', async () => {
    const world = await faultyLedger();
    world.faults.failNext('unavailable');
    await expect(world.run(grant('5'))).rejects.toThrow(LedgerUnavailable);
    const tried = world.sent.appends.length;
    let answered = false;
    const next = world.run(grant('5')).then(() => (answered = true));
    await world.time.pass(900);
    expect([world.sent.appends.length, answered]).toEqual([tried, false]);
    await world.time.until(next);
    expect(world.sent.appends).toHaveLength(tried + 1);
  });

  test('reads wait for the recovery, and are refused where that fails', async () => {
    let down = false;
    const inner = inMemoryEventStore();
    const guard = () => (down ? Promise.reject(new StoreUnavailable('the disk is gone')) : null);
    const store: EventStore = {
      ...delegating(inner),
      append: async (stream, expected, events) => (await guard()) ?? inner.append(stream, expected, events),
      read: async (stream, from, limit) => (await guard()) ?? inner.read(stream, from, limit),
    };
    const world = await openLedger({ store });
    await withOrganization(world, { credits: '10' });
    await world.charge(used('1'));
    down = true;
    await expect(world.charge(used('1'))).rejects.toThrow(LedgerUnavailable); // what it was the first time cannot be read
    await expect(world.time.until(world.run(grant('5')))).rejects.toThrow(LedgerUnavailable);
    await expect(world.time.until(world.available())).rejects.toThrow('the disk is gone');
    await expect(world.time.until(world.charge(used('1')))).rejects.toThrow(LedgerUnavailable);
    down = false;
    expect(await world.time.until(world.available())).toBe('9');
    expect((await world.charge(used('1'))).outcomes).toMatchObject([{ outcome: 'duplicate' }]);
    expect(world.ledger.trouble).toBeNull();
  });

  test('INV-LED-6: a refusal is definite only once what it was decided on is stored; then it has no effect, ever', async () => {
    const world = await faultyLedger();
    world.faults.failNext('unavailable');
    const lost = await Promise.allSettled([world.run(grant('5')), world.run(hold('16'))]);
    expect(lost.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const refused = { accepted: false, refusal: { code: 'out_of_credits' } };
    expect(await world.time.until(world.run(hold('11')))).toMatchObject(refused);
    await world.run(grant('1'));
    const restarted = await world.again();
    expect(await restarted.available()).toBe('11');
  });
});

describe('FLT-21: a store that does not answer', () => {
  test('nobody is left waiting for more than 5 s; what was sent may still take effect, once', async () => {
    const world = await faultyLedger();
    const held = world.faults.holdNext();
    const sent = world.run(grant('5'), { key: 'k' });
    await held.reached;
    const queued = world.run(grant('7'));
    const read = world.available();
    const all = Promise.allSettled([sent, queued, read]);
    await world.time.pass(5_000);
    expect((await all).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    await expect(sent).rejects.toThrow('the outcome is unknown');
    await expect(world.run(grant('1'))).rejects.toThrow(LedgerUnavailable);
    await expect(world.available()).rejects.toThrow(LedgerUnavailable);
    expect(world.ledger.trouble).toMatch('does not answer');
    held.release();
    await world.time.pass(0);
    expect(await world.available()).toBe('15');
    expect(world.ledger.trouble).toBeNull();
    expect(await world.run(grant('5'), { key: 'k' })).toMatchObject({ accepted: true, replayed: true });
  });

  test('what was answered "unknown" is not decided again where it turns out not to be stored', async () => {
    const world = await faultyLedger();
    const other = await openLedger({ store: world.faults });
    const held = world.faults.holdNext();
    const sent = world.run(grant('5'));
    await held.reached;
    const told = expect(sent).rejects.toThrow(LedgerUnavailable);
    await world.time.pass(5_000);
    await told;
    await other.run(grant('1'));
    held.release();
    await world.time.pass(0);
    expect(await world.available()).toBe('11');
  });

  test('stop ends in time even then, and takes nobody’s answer with it', async () => {
    const world = await faultyLedger();
    const held = world.faults.holdNext();
    const sent = Promise.allSettled([world.run(grant('5'))]);
    await held.reached;
    const stopped = world.ledger.stop();
    await world.time.pass(8_000);
    await stopped;
    expect(await sent).toMatchObject([{ status: 'rejected' }]);
    await expect(world.run(grant('5'))).rejects.toThrow('shutting down');
  });
});
