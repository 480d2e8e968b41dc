import { walletNamed } from '@drawdown/domain';
import { flatRate, instant, preset, START } from '@drawdown/domain/testing';
import { format, type Position, positionOf } from '@drawdown/kernel';
import {
  type EventStore,
  inProcessStream,
  RecordTooLarge,
  type Stream,
  type StreamRecord,
  StreamUnavailable,
} from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { LedgerUnavailable, type UsageOutcome } from '../ledger';
import { realSleep } from '../sleep';
import { readReplyRecord, writeReplyRecord } from '../stream/reply-record';
import { COMMANDS_TOPIC, REPLIES_TOPIC, USAGE_TOPIC } from '../stream/topics';
import { writeUsageRecord } from '../stream/usage-record';
import { Books } from '../turn/books';
import { delegating, grant, hold, mustBeAccepted, recorded, SENDER, used, VirtualTime } from '../testing';
import { type DistributedWorld, eventually, furnish, openDistributed, ORGANIZATIONS } from '../testing/distributed';

const opened: DistributedWorld[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  for (const world of opened.splice(0)) await world.close();
});
const open = (...given: Parameters<typeof openDistributed>): DistributedWorld => {
  const world = openDistributed(...given);
  opened.push(world);
  return world;
};
const [, ACME = ''] = ORGANIZATIONS;

/** Two workers, which share four shards, and an api. */
const running = async (store?: EventStore) => {
  const world = open(store === undefined ? {} : { store });
  const workers = [await world.worker(), await world.worker()];
  const api = await world.api();
  await furnish(api);
  return { world, workers, api };
};

const availableOf = async ({ ledger }: Awaited<ReturnType<DistributedWorld['api']>>, id: string): Promise<string> => {
  const read = await ledger.read(id, null, (organization) => walletNamed(organization, 'credits')?.settled);
  return read?.value === undefined ? 'nothing' : format(read.value);
};
const debitedIn = (outcome: UsageOutcome | undefined): string | undefined =>
  outcome !== undefined && 'debited' in outcome ? format(outcome.debited as never) : outcome?.outcome;

/** A stream on which some calls are answered otherwise. */
const streamLike = (inner: Stream, changes: Partial<Stream>): Stream => ({
  ensureTopic: (...args) => inner.ensureTopic(...args),
  partitionsOf: (topic) => inner.partitionsOf(topic),
  identityOf: (topic) => inner.identityOf(topic),
  boundsOf: (topic) => inner.boundsOf(topic),
  send: (...args) => inner.send(...args),
  consume: (...args) => inner.consume(...args),
  follow: (...args) => inner.follow(...args),
  close: () => inner.close(),
  ...changes,
});

/** A reply about usage as two: the second half of its outcomes first, which alone says how far the log went. */
const inHalves = (record: StreamRecord): StreamRecord[] => {
  const { to, reply } = readReplyRecord(record) ?? {};
  if (to === undefined || reply?.kind !== 'usage') return [record];
  const outcomes = [...reply.outcomes];
  const half = Math.ceil(outcomes.length / 2);
  return [
    writeReplyRecord(to, { ...reply, outcomes: new Map(outcomes.slice(half)) }),
    writeReplyRecord(to, { ...reply, outcomes: new Map(outcomes.slice(0, half)), position: new Map() }),
  ];
};

describe('a command that is decided in another process', () => {
  test('that can mean nothing any more leaves its key free, as in one process', async () => {
    const { api } = await running();
    const over = grant('5', { expiresAt: instant('2020-01-01') });
    expect(await api.run(over, ACME, 'k')).toMatchObject({ accepted: false, refusal: { code: 'invalid_interval' } });
    expect(await api.run(grant('5'), ACME, 'k')).toMatchObject({ accepted: true, replayed: false });
  });

  test('is answered as in one process: accepted with its position, refused, replayed, key reused', async () => {
    const { world, workers, api } = await running();
    const first = await api.run(grant('5'), ACME, 'k');
    expect(first).toMatchObject({ accepted: true, replayed: false });
    const took = 'command_duration_seconds{command=GrantCredits}';
    const inWorkers = workers.flatMap(({ metrics }) => metrics.observed(took));
    expect([api.metrics.observed(took).length, inWorkers.length]).toEqual([
      ORGANIZATIONS.length + 1,
      ORGANIZATIONS.length + 1,
    ]);
    const head = await world.store.head('ledger-1');
    expect(first.accepted && first.position).toEqual(positionOf(1, head));
    expect(await api.run(grant('5'), ACME, 'k')).toEqual({ ...first, replayed: true });
    expect(await api.ledger.run(ACME, grant('6'), SENDER, { key: 'k', hash: 'other' })).toMatchObject({
      keyReused: true,
    });
    expect(await api.run(hold('9999'), ACME)).toMatchObject({ refusal: { code: 'out_of_credits' } });
    expect(await api.run(hold('1'), 'nobody')).toMatchObject({ refusal: { code: 'not_found' } });
    expect(await availableOf(api, ACME)).toBe('105');
  });

  test('is booked in the name of who sent it', async () => {
    const { world, api } = await running();
    await mustBeAccepted(api.run(grant('5'), ACME));
    expect((await recorded(world.store, 1)).at(-1)?.actor).toEqual(SENDER.actor);
  });

  test('that names what the catalogue does not have is refused where it is decided', async () => {
    const { api } = await running();
    expect(await api.run({ type: 'AssignRateCard', rateCard: 'other' }, ACME)).toMatchObject({
      refusal: { code: 'not_found', pointer: '/key' },
    });
  });

  test('FLT-14: is decided once though its api dies; the retry with the same key gets that outcome', async () => {
    const { world, workers, api } = await running();
    for (const { stop } of workers) await stop();
    const lost = api.run(grant('5'), ACME, 'k');
    const told = expect(lost).rejects.toThrow(LedgerUnavailable);
    await eventually(async () => ((await world.stream.boundsOf(COMMANDS_TOPIC))[1]?.end ?? 0) > 3);
    await api.die();
    await told;
    const worker = await world.worker();
    await eventually(() => worker.metrics.of('commands_total{outcome=accepted}') === 1);
    const next = await world.api();
    expect(await next.run(grant('5'), ACME, 'k')).toMatchObject({ accepted: true, replayed: true });
    expect(worker.metrics.of('commands_total{outcome=replayed}')).toBe(1);
    expect(await availableOf(next, ACME)).toBe('105');
  });
});

describe('usage', () => {
  test('is charged on all shards and answered in the order given, with a position that covers each', async () => {
    const { api } = await running();
    const usages = Array.from({ length: 40 }, (_, i) =>
      used(String(i), `0.${String(i + 10)}`, { organizationId: ORGANIZATIONS[(i * 3) % 4] ?? '' }),
    );
    const { outcomes, position } = await api.ledger.charge(
      [...usages, used('x', '1', { organizationId: 'nobody' })],
      SENDER,
    );
    expect(outcomes.map(debitedIn)).toEqual([
      ...usages.map((_, i) => String(Number(`0.${String(i + 10)}`))),
      'refused',
    ]);
    expect([...position.keys()].sort()).toEqual(['0', '1', '2', '3']);
    const again = await api.ledger.charge(usages, SENDER);
    expect(new Set(again.outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['duplicate']));
  });

  test('whose outcomes come in several replies is answered when the last is there, each in its place', async () => {
    const inner = inProcessStream();
    const halved = streamLike(inner, {
      send: (topic, partition, records) =>
        inner.send(topic, partition, topic === REPLIES_TOPIC ? records.flatMap(inHalves) : records),
    });
    const world = open({ stream: halved });
    await world.worker();
    const api = await world.api();
    await furnish(api);
    const usages = Array.from({ length: 7 }, (_, i) => used(String(i), `0.${String(i + 1)}`));
    const { outcomes, position } = await api.ledger.charge(usages, SENDER);
    expect(outcomes.map(debitedIn)).toEqual(['0.1', '0.2', '0.3', '0.4', '0.5', '0.6', '0.7']);
    expect(position).toEqual(positionOf(1, await world.store.head('ledger-1')));
  });

  test('that nobody waits for is taken once the stream has it, and charged later', async () => {
    const { world, workers, api } = await running();
    for (const { stop } of workers) await stop();
    const usages = ORGANIZATIONS.map((organizationId) => used('1', '2', { organizationId }));
    expect(await api.ledger.take(usages, SENDER)).toEqual({
      outcomes: usages.map(() => ({ outcome: 'taken' })),
      position: null,
    });
    await world.worker();
    for (const id of ORGANIZATIONS) await eventually(async () => (await availableOf(api, id)) === '98');
  });

  describe('that nobody waits for, while its shard is behind', () => {
    /** Takes one usage event after the other; with its position, where that is told in time. */
    const taking = (api: Awaited<ReturnType<DistributedWorld['api']>>) => {
      const made = { count: 0 };
      const take = async (): Promise<Position | null> =>
        (await api.ledger.take([used(`taken-${String((made.count += 1))}`)], SENDER)).position;
      return { made, take };
    };

    test('is taken at once, but for one request at a time, which waits for its position', async () => {
      const { world, workers } = await running();
      const time = new VirtualTime();
      const api = await world.api({ sleep: time.sleep });
      const { made, take } = taking(api);
      const behind = async (): Promise<void> => {
        expect(await time.until(Promise.all([take(), take()]))).toEqual([null, null]);
        let isTold = false;
        const asking = take().finally(() => (isTold = true));
        const before = api.metrics.of('usage_unpositioned_total');
        expect([await take(), await take()]).toEqual([null, null]); // no time has passed
        expect(isTold).toBe(false);
        expect(api.metrics.of('usage_unpositioned_total')).toBe(before + 2);
        expect(await time.until(asking)).toBeNull();
      };
      for (const { stop } of workers) await stop();
      await behind();
      const { stop } = await world.worker();
      await eventually(async () => !(await Promise.all([take(), take(), take()])).includes(null));
      await stop();
      await behind();
      await world.worker();
      await eventually(async () => (await availableOf(api, ACME)) === String(100 - made.count));
    });

    test('waits for its position again as soon as a later one was told: the answers before it were lost', async () => {
      const inner = inProcessStream();
      let isLost = false;
      const losing = streamLike(inner, {
        send: async (topic, partition, records) => {
          if (topic !== REPLIES_TOPIC || !isLost) await inner.send(topic, partition, records);
        },
      });
      const world = open({ stream: losing });
      await world.worker();
      const time = new VirtualTime();
      const api = await world.api({ sleep: time.sleep });
      await furnish(api);
      const { made, take } = taking(api);
      isLost = true;
      expect(await time.until(Promise.all([take(), take()]))).toEqual([null, null]);
      await eventually(async () => (await availableOf(api, ACME)) === String(100 - made.count));
      isLost = false;
      expect(await take()).not.toBeNull();
      expect(await Promise.all([take(), take(), take()])).not.toContain(null);
    });
  });

  test('that the topic is set to refuse for its size is answered at once, with what has to be raised', async () => {
    const inner = inProcessStream();
    const why = 'drawdown.usage.v1: raise its max.message.bytes';
    const refusing = streamLike(inner, {
      send: async (topic, partition, records) => {
        if (topic === USAGE_TOPIC) throw new RecordTooLarge(why);
        await inner.send(topic, partition, records);
      },
    });
    const world = open({ stream: refusing });
    await world.worker();
    const api = await world.api();
    await furnish(api);
    for (const sent of [api.ledger.charge([used('1')], SENDER), api.ledger.take([used('2')], SENDER)]) {
      await expect(sent).rejects.toBeInstanceOf(LedgerUnavailable);
      await expect(sent).rejects.toMatchObject({ code: 'record_too_large', message: why });
    }
  });

  test('of an organization that is not known to be active is asked about, and nothing becomes a dead letter', async () => {
    const { world, workers, api } = await running();
    const usages = [used('1'), used('1', '1', { organizationId: 'nobody' }), used('2')];
    const { outcomes, position } = await api.ledger.take(usages, SENDER);
    expect(outcomes).toMatchObject([{ outcome: 'taken' }, { code: 'organization_not_found' }, { outcome: 'taken' }]);
    expect(position).not.toBeNull();
    await eventually(async () => (await availableOf(api, ACME)) === '98');
    expect(await world.recordsOf('drawdown.dead-letter.v1')).toEqual([]);
    const counted = (outcome: string) =>
      workers.reduce((n, { metrics }) => n + metrics.of(`intake_events_total{outcome=${outcome},channel=http}`), 0);
    // What is answered is counted by the process that answers it.
    expect([counted('charged'), counted('rejected')]).toEqual([2, 0]);
  });

  test('of quarantine is driven again, more than one record holds', async () => {
    const { api } = await running();
    const raw = { provider: 'unheard', usage: JSON.stringify({ text: 'x'.repeat(60_000) }) };
    const large = Array.from({ length: 20 }, (_, i) => used(`q-${String(i)}`, '1', { raw, quantities: [] }));
    const usages = [used('q', '1', { serviceType: 'later' }), ...large];
    const before = await api.ledger.charge(usages, SENDER);
    expect(new Set(before.outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['quarantined']));
    const after = await api.ledger.redrive(usages, SENDER);
    expect(after.outcomes).toHaveLength(21);
    expect(after.outcomes).toMatchObject(usages.map(() => ({ outcome: 'quarantined', duplicate: true })));
  });
});

/** A store of which nothing is heard while it is held. */
const heldWhile = (inner: EventStore, isHeld: () => boolean): EventStore => ({
  ...delegating(inner),
  async *followAll(after, prefixes, signal) {
    for await (const page of inner.followAll(after, prefixes, signal)) {
      while (isHeld() && !signal.aborted) await realSleep(5);
      yield page;
    }
  },
});

/** An owner whose catalogue can be kept from hearing anything, and an api beside it. */
const ownerThatCanBeHeld = async () => {
  const inner = inMemoryEventStore();
  let isHeld = false;
  const world = open({ store: inner });
  await world.worker({ store: heldWhile(inner, () => isHeld) });
  const api = await world.api();
  await furnish(api);
  const asked = async () => (await world.recordsOf(COMMANDS_TOPIC)).length;
  /** Activates a version while the owner hears of nothing but what it is asked, and leaves it so if that was not waited for. */
  const activateUnheard = async (card: string, version: number): Promise<void> => {
    const before = await asked();
    isHeld = true;
    let isAnswered = false;
    const activating = api.catalogue.rateCards.activateVersion(card, version, START, SENDER).finally(() => {
      isAnswered = true;
    });
    // What each owner has priced by then, and, of each, whether it knows.
    await eventually(async () => isAnswered || (await asked()) === before + 2 * ORGANIZATIONS.length);
    isHeld = isAnswered;
    expect(await activating).toMatchObject({ accepted: true });
  };
  const letHear = (): void => {
    isHeld = false;
  };
  return { inner, world, api, activateUnheard, letHear };
};

describe('the catalogue', () => {
  test('a card activated a moment ago prices the next usage, however far behind the worker’s catalogue is', async () => {
    const inner = inMemoryEventStore();
    const slow: EventStore = {
      ...delegating(inner),
      async *followAll(after, prefixes, signal) {
        for await (const page of inner.followAll(after, prefixes, signal)) {
          await realSleep(60);
          yield page;
        }
      },
    };
    const world = open({ store: inner });
    await world.worker({ store: slow });
    const api = await world.api();
    await furnish(api);
    const charged = await api.ledger.charge([used('1')], SENDER);
    expect(debitedIn(charged.outcomes[0])).toBe('1');
  });

  test('INV-TIM-10: a version is activated once no owner prices by the one before, whoever sends the usage that comes then', async () => {
    const { world, api, activateUnheard, letHear } = await ownerThatCanBeHeld();
    const rates = [flatRate('llm_call', '3')];
    await api.catalogue.rateCards.saveVersion('card', { rates, rounding: null, effectiveFrom: null }, SENDER);
    await activateUnheard('card', 2);
    // Sent by a process that has not heard of it either.
    await world.stream.send(USAGE_TOPIC, 1, [writeUsageRecord(used('1', '1', { time: START }))]);
    await eventually(async () => (await availableOf(api, ACME)) !== '100');
    expect(await availableOf(api, ACME)).toBe('97');
    letHear();
  });

  test('INV-TIM-10: nor is the first version before every owner prices by it', async () => {
    const { inner, world, api, activateUnheard, letHear } = await ownerThatCanBeHeld();
    const rates = [flatRate('llm_call', '3')];
    await api.catalogue.rateCards.create({ key: 'new', name: 'New', unit: 'credit', organizationId: null }, SENDER);
    await api.catalogue.rateCards.saveVersion('new', { rates, rounding: null, effectiveFrom: null }, SENDER);
    await mustBeAccepted(api.run({ type: 'AssignRateCard', rateCard: 'new' }, ACME));
    await activateUnheard('new', 1);
    await world.stream.send(USAGE_TOPIC, 1, [writeUsageRecord(used('1', '1', { time: START }))]);
    await eventually(async () => (await recorded(inner, 1)).some(({ event }) => /^Usage/.test(event.type)));
    expect(await availableOf(api, ACME)).toBe('97');
    letHear();
  });

  test('INV-TIM-10: what any shard has priced bounds the next version', async () => {
    const { api } = await running();
    const time = instant('2026-02-20');
    await api.ledger.charge([used('1', '1', { organizationId: ORGANIZATIONS[3] ?? '', time })], SENDER);
    expect(await api.ledger.lastPriced('card', 1)).toBe(null);
    await api.ledger.charge([used('2', '1', { organizationId: ORGANIZATIONS[3] ?? '' })], SENDER);
    const last = await api.ledger.lastPriced('card', 1);
    expect(last).toBe(used('2').time);
    const rates = [{ ...api.catalogue.rateCards.get('card')?.versions[0]?.rates[0] }] as never;
    await api.catalogue.rateCards.saveVersion('card', { rates, rounding: null, effectiveFrom: null }, SENDER);
    const refused = await api.catalogue.rateCards.activateVersion('card', 2, last, SENDER);
    expect(refused).toMatchObject({ accepted: false, refusal: { code: 'invalid_interval' } });
  });

  test('INV-DEL-5: moving a test clock books what is due on every shard, before it is answered; every process knows up to where', async () => {
    const { world, api } = await running();
    const made = await api.catalogue.testClocks.create(instant('2026-03-01'), SENDER);
    if (!made.accepted) throw new Error('refused');
    const { id } = made.value;
    const ids = ['org-10', 'org-6', 'org-12', 'org-3'];
    for (const of of ids) {
      const make = { type: 'CreateOrganization', name: of, preset: preset(), plan: null, testClock: id } as const;
      await mustBeAccepted(api.run(make, of));
      await mustBeAccepted(api.run(grant('3', { expiresAt: instant('2026-05-01') }), of));
    }
    const other = await world.api();
    await other.ledger.settleClock(id); // where it stood before
    await api.catalogue.testClocks.advance(id, instant('2026-06-01'), SENDER);
    await api.ledger.settleClock(id);
    await other.catalogue.reached(api.catalogue.seen);
    for (const shard of [0, 1, 2, 3]) {
      const events = await recorded(world.store, shard);
      expect(events.at(-1)?.event.type).toBe('LotExpired');
      const booked = positionOf(shard, events.length - 1);
      const of = ids.find((organization) => world.shardOf(organization) === shard) ?? '';
      for (const { ledger } of [api, other]) {
        expect((await ledger.settledAt(id, of)).get(String(shard))).toBe(booked.get(String(shard)));
      }
    }
  });
});

test('that an organization is frozen is told as such, not as something that passes', async () => {
  const { api } = await running();
  jest.spyOn(Books.prototype, 'isFrozen').mockReturnValue(true);
  const refused = { code: 'organization_frozen', message: expect.stringContaining('does not help') as string };
  await expect(api.run(grant('1'), ACME, 'k')).rejects.toMatchObject(refused);
});

describe('where nobody answers', () => {
  test('a caller is told after 5 s that the outcome is unknown', async () => {
    const world = open();
    const time = new VirtualTime();
    const worker = await world.worker();
    await worker.stop();
    const api = await world.api({ sleep: time.sleep });
    const asked = [
      api.run(grant('1'), ACME, 'k'),
      api.ledger.charge([used('1')], SENDER),
      api.ledger.lastPriced('card', 1),
    ];
    let done = false;
    const all = Promise.allSettled(asked).finally(() => (done = true));
    await time.pass(4_999);
    expect(done).toBe(false);
    await time.pass(1);
    for (const result of await all) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
      expect(String(result.status === 'rejected' && result.reason)).toMatch('outcome is unknown');
    }
  });

  test('with the stream down everybody is told at once, with the stream mute after 5 s', async () => {
    const world = open();
    await (await world.worker()).stop();
    const down = streamLike(world.stream, { send: () => Promise.reject(new StreamUnavailable('down')) });
    const mute = streamLike(world.stream, { send: () => new Promise(() => undefined) });
    const time = new VirtualTime();
    const [one, other] = [await world.api({ stream: down }), await world.api({ stream: mute, sleep: time.sleep })];
    jest.spyOn(one.ledger, 'read').mockResolvedValue(undefined);
    await expect(one.run(grant('1'), ACME)).rejects.toThrow(LedgerUnavailable);
    await expect(one.ledger.take([used('1')], SENDER)).rejects.toThrow(LedgerUnavailable);
    await expect(time.until(other.run(grant('1'), ACME))).rejects.toThrow(LedgerUnavailable);
    await expect(time.until(other.ledger.take([used('1')], SENDER))).rejects.toThrow(LedgerUnavailable);
  });

  test('a database that hangs does not hold up usage: its owners are asked', async () => {
    const { world } = await running();
    const api = await world.api({ activeOrganizations: () => new Promise(() => undefined) });
    const usages = ORGANIZATIONS.map((organizationId) => used('1', '2', { organizationId }));
    const { outcomes } = await api.ledger.take(usages, SENDER);
    expect(outcomes).toMatchObject(usages.map(() => ({ outcome: 'charged' })));
  });

  test('FLT-80: while an answer is late one call more at a time is sent to its shard, and to others all', async () => {
    const { world, workers } = await running();
    const time = new VirtualTime();
    const api = await world.api({ sleep: time.sleep });
    for (const { stop } of workers) await stop();
    let made = 0;
    const charge = (organizationId = ACME) =>
      api.ledger.charge([used(`late-${String((made += 1))}`, '1', { organizationId })], SENDER).then(
        () => 'charged',
        (error: unknown) => String(error),
      );
    const late = [charge(), charge()];
    await time.pass(5_000);
    for (const told of await Promise.all(late)) expect(told).toMatch('outcome is unknown');
    const probe = charge();
    expect(await charge()).toMatch('is behind');
    expect(api.metrics.of('ledger_overloaded_total')).toBe(1);
    const ends = async () => (await world.stream.boundsOf(USAGE_TOPIC)).map(({ end }) => end);
    const before = await ends();
    const both = ORGANIZATIONS.slice(1, 3).map((organizationId) => used('both', '1', { organizationId }));
    await expect(api.ledger.charge(both, SENDER)).rejects.toThrow('is behind');
    expect(await ends()).toEqual(before); // to the shard that is not behind neither
    const elsewhere = charge(ORGANIZATIONS[2]);
    await world.worker();
    expect([await probe, await elsewhere]).toEqual(['charged', 'charged']);
    expect(await Promise.all([charge(), charge()])).toEqual(['charged', 'charged']);
    expect(await availableOf(api, ACME)).toBe('95'); // 100, less all but the one that was refused
  });

  test('replies go on being followed after they could not be', async () => {
    const world = open();
    let failures = 2;
    const flaky = streamLike(world.stream, {
      follow: (...args) => {
        if (failures-- > 0) throw new StreamUnavailable('down');
        return world.stream.follow(...args);
      },
    });
    await world.worker();
    const api = await world.api({ stream: flaky });
    await furnish(api);
    expect(failures).toBeLessThan(0);
  });

  test('a stop tells everybody who waits', async () => {
    const world = open();
    await (await world.worker()).stop();
    const api = await world.api();
    const told = expect(api.run(grant('1'), ACME)).rejects.toThrow(LedgerUnavailable);
    await api.die();
    await told;
  });

  test('a command that was asked for too long ago is not decided any more, whoever comes to it', async () => {
    const { world, workers, api } = await running();
    for (const { stop } of workers) await stop();
    const told = expect(api.run(grant('5'), ACME)).rejects.toThrow(LedgerUnavailable);
    await eventually(async () => ((await world.stream.boundsOf(COMMANDS_TOPIC))[1]?.end ?? 0) > 3);
    await api.die();
    await told;
    world.clock.advance(66_000_000n);
    const late = await world.worker();
    await eventually(() => late.metrics.of('commands_total{outcome=expired}') === 1);
    expect(await availableOf(api, ACME)).toBe('100');
    expect((await world.stream.boundsOf(USAGE_TOPIC)).every(({ end }) => end === 0)).toBe(true);
  });
});
