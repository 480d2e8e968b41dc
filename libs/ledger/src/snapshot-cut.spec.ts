import { identityOf, organizationNamespace } from '@drawdown/kernel';
import { later, START } from '@drawdown/domain/testing';
import type { EventStore, Snapshot, SnapshotStore } from '@drawdown/ports';
import { inMemoryEventStore, inMemorySnapshots } from '@drawdown/ports/testing';
import fc from 'fast-check';
import { setImmediate as turn } from 'node:timers/promises';
import { ShardState } from './fold';
import { foldNext } from './load-shard';
import { restoreSnapshot } from './snapshot';
import { SnapshotAbandoned, SnapshotCut } from './snapshot-cut';
import { PART_WEIGHT, partsIn } from './snapshot-parts';
import { ACME, delegating, grant, type LedgerWorld, openLedger, stateHash, used, withOrganization } from './testing';
import { act, activities, courses } from './testing/activity';

const NAMES = ['a', 'b', 'c', 'd', 'e'];

/** A world with so many organizations in one shard. */
const withOrganizations = async (
  names: readonly string[],
  given: Partial<Pick<LedgerWorld, 'store' | 'snapshots'>> = {},
): Promise<LedgerWorld> => {
  const world = await openLedger(given);
  for (const id of names) await withOrganization(world, { id });
  return world;
};

/** A store that takes a turn of the event loop for each append. */
const slowly = (store: EventStore): EventStore => ({
  ...delegating(store),
  append: async (stream, expected, events) => {
    await turn();
    return store.append(stream, expected, events);
  },
});

const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `org-${String(i)}`);

/** One unit of usage of each. */
const usageOfEach = (names: readonly string[], id: string) =>
  names.map((name) => used(id, '1', { organizationId: name }));

/** Turns of the event loop, counted from now on. */
const countingTurns = () => {
  let [turns, over] = [0, false];
  const count = async (): Promise<void> => {
    for (; !over; turns++) await turn();
  };
  const counted = count();
  const stop = async (): Promise<void> => {
    over = true;
    await counted;
  };
  return { turns: () => turns, stop };
};

describe('INV-LED-8, INV-DEL-9: a snapshot is of one revision, whatever happens while it is written', () => {
  test('against the state as it was when it was begun: organizations change between any two parts', async () => {
    const many = fc.tuple(...NAMES.map(() => activities(25)));
    const how = fc.record({
      beginAfter: fc.nat(30),
      partWeight: fc.integer({ min: 1, max: 12 }),
      days: fc.constantFrom(0, 0, 50),
      course: courses,
    });
    await fc.assert(
      fc.asyncProperty(many, how, async (operations, { beginAfter, partWeight, days, course }) => {
        const world = await withOrganizations(NAMES, { store: slowly(inMemoryEventStore()) });
        const goOn = { ...course, restarts: [] };
        const changing = Promise.all(NAMES.map((name, i) => act(world, operations[i] ?? [], goOn, name)));
        for (let i = 0; i < beginAfter; i++) await turn();
        const [shard] = world.ledger.shards;
        const begun = await shard?.read((state) => {
          world.clock.moveTo(later(world.clock.now(), { days })); // far enough for keys and identities to be forgotten
          return { hash: stateHash(state), revision: state.revision, cut: new SnapshotCut(state, partWeight) };
        });
        if (begun === undefined) throw new Error('there is no shard');
        const { hash, revision, cut } = begun;
        const parts: Uint8Array[] = [];
        for await (const part of cut.parts()) parts.push(part);
        cut.end();
        await changing;
        const restored = await restoreSnapshot(Buffer.concat(parts));
        if (restored === undefined) throw new Error('the snapshot cannot be read');
        expect([restored.revision, stateHash(restored)]).toEqual([revision, hash]);
        for (const stored of await world.store.read('ledger-0', revision + 1, 10_000)) foldNext(restored, 0, stored);
        expect(stateHash(restored)).toBe(stateHash(await world.state()));
      }),
      { numRuns: 25 },
    );
  });

  test('what the identity index gains, moves and forgets meanwhile is not in it', async () => {
    const step = fc.record({
      kind: fc.constantFrom('insert', 'insert', 'replace', 'pass'),
      n: fc.nat(20),
      lasting: fc.boolean(),
    });
    const steps = fc.array(step, { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, steps, fc.constantFrom(0, 800), async (before, meanwhile, more) => {
        const state = new ShardState();
        let now = START;
        const isLasting = new Map<number, boolean>();
        const decide = (n: number, lasting: boolean, again: boolean): void => {
          const identity = identityOf(organizationNamespace(ACME), 'tests', String(n));
          const [known] = state.identities.find(identity);
          if ((known !== undefined) !== again) return;
          const place = { revision: ++state.revision, index: 0 };
          if (known === undefined) state.identities.insert(identity, place, now, lasting);
          else state.identities.replace(identity, known, place, now, isLasting.get(n) === true);
          if (known === undefined) isLasting.set(n, lasting);
        };
        const run = (all: typeof before): void => {
          for (const { kind, n, lasting } of all) {
            if (kind === 'pass') now = later(now, { hours: n * 10 });
            else decide(n, lasting, kind === 'replace');
          }
        };
        run(before);
        const hash = stateHash(state);
        const cut = new SnapshotCut(state);
        run(meanwhile);
        for (let n = 0; n < more; n++) decide(100 + n, false, false); // the table grows
        const parts: Uint8Array[] = [];
        for await (const part of cut.parts()) parts.push(part);
        const restored = await restoreSnapshot(Buffer.concat(parts));
        expect(restored && stateHash(restored)).toBe(hash);
      }),
    );
  });
});

describe('while a snapshot is written and read, others have their turn', () => {
  const COUNT = 400;
  const ended: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ended.splice(0)) await end();
  });
  let world: LedgerWorld;
  beforeAll(async () => {
    world = await withOrganizations(numbered(COUNT));
    for (const of of numbered(COUNT)) for (let i = 0; i < 5; i++) await world.run(grant('1'), { of, key: String(i) });
  });

  test('no part has more organizations and lots than are written in some ms, and the loop turns between two', async () => {
    const state = await world.state();
    const loop = countingTurns();
    ended.push(loop.stop); // also where the test fails
    const cut = new SnapshotCut(state);
    const [parts, turns]: [Uint8Array[], number[]] = [[], []];
    for await (const part of cut.parts()) {
      parts.push(part);
      turns.push(loop.turns());
    }
    cut.end();
    expect(parts.length).toBeGreaterThan(3);
    expect(new Set(turns).size).toBe(parts.length);
    const weights = parts.map((part) =>
      [...partsIn(part)]
        .flat()
        .reduce((sum, one) => sum + (one.kind === 'organization' ? 1 + one.organization.lots.size : 0), 0),
    );
    expect(weights.reduce((sum, weight) => sum + weight)).toBe(COUNT * 7);
    expect(Math.max(...weights)).toBeLessThan(PART_WEIGHT + 10);
    const began = loop.turns();
    expect(stateHash((await restoreSnapshot(Buffer.concat(parts))) ?? new ShardState())).toBe(stateHash(state));
    expect(loop.turns() - began).toBeGreaterThanOrEqual(parts.length - 1);
  });

  test('each organization is written once: before it changes, or in its turn; what comes meanwhile is not', async () => {
    await world.charge(used('priced before', '1', { organizationId: 'org-0' }));
    const state = await world.state();
    const hash = stateHash(state);
    const cut = new SnapshotCut(state);
    const made = withOrganization(world, { id: 'made meanwhile' });
    const time = later(START, { minutes: 1 }); // no card has priced usage of that time
    const charged = world.charge(...usageOfEach(numbered(COUNT), 'once').map((usage) => ({ ...usage, time })));
    const parts: Uint8Array[] = [];
    for await (const part of cut.parts()) parts.push(part);
    cut.end();
    await Promise.all([charged, made]);
    const written = [...partsIn(Buffer.concat(parts))]
      .flat()
      .flatMap((piece) => (piece.kind === 'organization' ? [piece.organization.id] : []));
    expect(written.sort()).toEqual(numbered(COUNT).sort());
    expect(stateHash((await restoreSnapshot(Buffer.concat(parts))) ?? new ShardState())).toBe(hash);
  });

  test('a turn of the shard ends when it had many organizations to write; the rest is decided in the next ones', async () => {
    const append = jest.spyOn(world.store, 'append');
    const appendsOf = async (id: string): Promise<number> => {
      append.mockClear();
      const { outcomes } = await world.charge(...usageOfEach(numbered(COUNT), id));
      expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['charged']));
      return append.mock.calls.length;
    };
    expect(await appendsOf('without')).toBe(1);
    const cut = new SnapshotCut(await world.state(), 100); // of 7 each, and 3 parts a turn
    expect(await appendsOf('with')).toBe(Math.ceil(COUNT / 43));
    expect(await appendsOf('once they are written')).toBe(1);
    cut.end();
    append.mockRestore();
  });
});

describe('INV-DEL-9: a snapshot that is not finished changes nothing', () => {
  /** As the next one is saved, this happens after its first part. */
  const interrupted = (inner: SnapshotStore, then: () => Promise<void>): SnapshotStore => ({
    ...inner,
    save: (name, take) =>
      inner.save(name, () => {
        const snapshot = take();
        if (snapshot === null) return null;
        async function* parts(all: Snapshot['parts']): AsyncGenerator<Uint8Array> {
          for await (const part of all) {
            yield part;
            await then();
          }
        }
        return { ...snapshot, parts: parts(snapshot.parts) };
      }),
  });
  const full = (): Promise<void> => Promise.reject(new Error('the disk is full'));

  test('where it fails half-way, the next start takes the one before, and the log', async () => {
    const kept = inMemorySnapshots();
    const world = await withOrganizations(NAMES, { snapshots: kept });
    await world.ledger.stop();
    const [former] = await kept.list('ledger-0');
    const second = await openLedger({ ...world, snapshots: interrupted(kept, full) });
    await second.charge(...usageOfEach(NAMES, 'u'));
    const state = await second.state();
    await second.ledger.stop();
    expect(await kept.list('ledger-0')).toEqual([former]);
    expect(state.cut).toBeNull();
    const read = jest.spyOn(world.store, 'read');
    const third = await openLedger({ ...world, snapshots: kept });
    expect(read).not.toHaveBeenCalledWith('ledger-0', 0, expect.anything());
    read.mockRestore();
    expect(stateHash(await third.state())).toBe(stateHash(state));
  });

  test('FLT-08: it ends when another owner fences this one, as the state that it is of does', async () => {
    const world = await withOrganizations(NAMES);
    const cut = new SnapshotCut(await world.state(), 1);
    const parts = cut.parts();
    expect((await parts.next()).done).toBe(false);
    const other = await world.again();
    await other.charge(used('by another', '1', { organizationId: 'a' }));
    await world.charge(used('fenced', '1', { organizationId: 'b' }));
    await expect(parts.next()).rejects.toThrow(SnapshotAbandoned);
    expect(stateHash(await world.state())).toBe(stateHash(await (await world.again()).state()));
  });

  test('a stop leaves one that hangs, and lets go of its state (FLT-09)', async () => {
    const hangs = interrupted(inMemorySnapshots(), () => new Promise(() => undefined));
    const world = await withOrganizations(NAMES, { snapshots: hangs });
    const state = await world.state();
    const stopping = world.ledger.stop();
    await turn();
    expect(state.cut).not.toBeNull();
    await world.time.pass(3_000);
    await stopping;
    expect(state.cut).toBeNull();
  });

  test('and begins no other that waits for its turn meanwhile: the process is about to end (FLT-09)', async () => {
    const kept = inMemorySnapshots();
    let goOn = (): void => undefined;
    const letGo = new Promise<void>((resolve) => (goOn = resolve));
    const world = await openLedger({ snapshots: interrupted(kept, () => letGo), shards: 2 });
    for (const id of NAMES) await withOrganization(world, { id });
    const states = [await world.state(0), await world.state(1)];
    expect(states.every(({ revision }) => revision >= 0)).toBe(true);
    const stopping = world.ledger.stop();
    await world.time.pass(3_000);
    await stopping;
    goOn();
    const asked = jest.fn(() => null);
    await kept.save('the next in turn', asked); // after all that was asked for before
    expect(asked).toHaveBeenCalled();
    expect([await kept.list('ledger-0'), await kept.list('ledger-1')]).toEqual([[], []]);
  });
});
