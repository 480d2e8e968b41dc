import { instant, later } from '@drawdown/domain/testing';
import type { Identity, Instant } from '@drawdown/kernel';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { REMEMBERED_DAYS } from '@drawdown/domain';
import { IdentityIndex, type Place, wordsOf } from './identity-index';

const identity = (name: number | string): Identity =>
  createHash('sha1').update(String(name)).digest('binary') as Identity;
const START = instant('2026-01-01');
const place = (revision: number, index = 0): Place => ({ revision, index });

/** Another identity that the index cannot tell from this one: only the bits it does not keep differ. */
const twinOf = (original: Identity): Identity => {
  const twin = Buffer.from(original, 'latin1');
  twin[5] = (twin[5] ?? 0) ^ 0xff;
  return twin.toString('latin1') as Identity;
};

test('finds what was put in, at every size up to some growths, and nothing else', () => {
  const index = new IdentityIndex();
  for (let i = 0; i < 20_000; i++) index.insert(identity(i), place(i, i % 7), START, false);
  const found = Array.from({ length: 40_000 }, (_, i) => JSON.stringify(index.find(identity(i))));
  expect(found).toEqual(found.map((_, i) => JSON.stringify(i < 20_000 ? [place(i, i % 7)] : [])));
  expect(index.size).toBe(20_000);
});

test('two identities with equal words have both places: the events there decide which is which', () => {
  const [first, second] = [identity('x'), twinOf(identity('x'))];
  expect(wordsOf(first)).toEqual(wordsOf(second));
  expect(first).not.toBe(second);
  const index = new IdentityIndex();
  index.insert(first, place(1), START, false);
  index.insert(second, place(2, 3), START, false);
  expect(index.find(first)).toEqual([place(1), place(2, 3)]);
  index.replace(second, place(2, 3), place(9), START, false);
  expect(index.find(first)).toEqual([place(1), place(9)]);
});

test('an identity is remembered for 40 days from its booking at least, and for 45 at most while others come', () => {
  for (const hours of [0, 1, 119, 121]) {
    const index = new IdentityIndex();
    index.insert(identity('opens the segment'), place(0), START, false);
    const booked = later(START, { hours });
    index.insert(identity('x'), place(1), booked, false);
    for (let hour = hours; hour < hours + REMEMBERED_DAYS * 24; hour += 6) {
      index.insert(identity(`h${String(hour)}`), place(2), later(START, { hours: hour }), false);
      expect(index.find(identity('x'))).toHaveLength(1);
    }
    for (let day = 0; day <= 11; day++) {
      index.insert(identity(`d${String(day)}`), place(3), later(booked, { days: REMEMBERED_DAYS + day }), false);
    }
    expect(index.find(identity('x'))).toEqual([]);
  }
});

test('what was decided again is remembered for 40 days from then', () => {
  const index = new IdentityIndex();
  index.insert(identity('x'), place(1), START, false);
  for (let day = 0; day < 39; day++) index.insert(identity(-day), place(2), later(START, { days: day }), false);
  const again = later(START, { days: 39 });
  index.replace(identity('x'), place(1), place(7, 2), again, false);
  for (let day = 0; day < REMEMBERED_DAYS; day++) {
    index.insert(identity(day), place(9), later(again, { days: day }), false);
    expect(index.find(identity('x'))).toContainEqual(place(7, 2));
    expect(index.find(identity('x'))).not.toContainEqual(place(1));
  }
  expect(() => index.replace(identity('never'), place(0), place(1), again, false)).toThrow('lost an entry');
});

test.each(['1999-01-01', '2099-01-01'])(
  'a test clock’s identities (%s) stay for ever and keep nothing else',
  (date) => {
    const index = new IdentityIndex();
    index.insert(identity('tested'), place(1, 5), instant(date), true);
    for (let day = 0; day < 400; day++) {
      index.insert(identity(day), place(day), later(START, { days: day }), false);
      if (day % 50 === 0) index.insert(identity(`t${String(day)}`), place(day), instant(date), true);
    }
    expect(index.find(identity('tested'))).toEqual([place(1, 5)]);
    expect(index.find(identity('t0'))).toEqual([place(0)]);
    expect(index.find(identity(300))).toEqual([]);
    expect(index.size).toBeLessThanOrEqual(45 + 9);
  },
);

const isFound = (index: IdentityIndex, name: number, { revision, index: at }: Place): boolean =>
  index.find(identity(name)).some((found) => found.revision === revision && found.index === at);

interface Known {
  readonly place: Place;
  readonly bookedAt: Instant;
  readonly lasting: boolean;
}
/** The same from its dump, in pieces. */
const restored = (index: IdentityIndex): IdentityIndex => {
  const dump = structuredClone(index.dump());
  const again = IdentityIndex.empty(
    dump.map((segment) => ({ ...segment, tables: segment.tables.map((words) => words.length) })),
  );
  for (const [segment, { tables }] of dump.entries()) {
    for (const [table, words] of tables.entries()) {
      const half = words.length / 2;
      for (const at of [half, 0]) again.fill(segment, table, at, words.subarray(at, at + half));
    }
  }
  return again;
};

type Operation =
  | { readonly kind: 'insert' | 'replace'; readonly name: number; readonly lasting: boolean }
  | { readonly kind: 'pass'; readonly hours: number }
  | { readonly kind: 'restore' };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('insert' as const), name: fc.nat(30), lasting: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('replace' as const), name: fc.nat(30), lasting: fc.constant(false) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), hours: fc.nat(300) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restore' } as const) },
);

test('INV-INT-1: against a plain map, whatever is put in, replaced, forgotten and restored', () => {
  const isRemembered = ({ bookedAt, lasting }: Known, now: Instant): boolean =>
    lasting || bookedAt > later(now, { days: -REMEMBERED_DAYS });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      let index = new IdentityIndex();
      const model = new Map<number, Known>();
      let now = START;
      for (const [revision, step] of operations.entries()) {
        if (step.kind === 'pass') now = later(now, { hours: step.hours });
        else if (step.kind === 'restore') index = restored(index);
        else {
          const known = model.get(step.name);
          const remembered = known !== undefined && isRemembered(known, now);
          if (step.kind === 'insert' && !remembered) {
            index.insert(identity(step.name), place(revision, step.name), now, step.lasting);
            model.set(step.name, { place: place(revision, step.name), bookedAt: now, lasting: step.lasting });
          } else if (step.kind === 'replace' && remembered) {
            index.replace(identity(step.name), known.place, place(revision), now, known.lasting);
            model.set(step.name, { place: place(revision), bookedAt: now, lasting: known.lasting });
          }
        }
        const lost = [...model].filter(
          ([name, known]) => isRemembered(known, now) && !isFound(index, name, known.place),
        );
        expect(lost).toEqual([]);
      }
    }),
    { numRuns: 300 },
  );
});

test('tables grow one by one: no thousand entries have a large part of the index written anew', () => {
  const index = new IdentityIndex();
  let [grown, before]: [number, readonly Uint32Array[]] = [0, []];
  for (let i = 0; i < 200_000; i++) {
    index.insert(identity(i), place(i), START, false);
    if (i % 1_000 !== 999) continue;
    const tables = index.dump().flatMap((segment) => segment.tables);
    const anew = tables.filter((words) => !before.includes(words)).length;
    if (i > 50_000) grown = Math.max(grown, anew / tables.length);
    before = tables;
  }
  expect(grown).toBeGreaterThan(0);
  expect(grown).toBeLessThan(0.3);
});

test('bytes per identity at a million entries', () => {
  const index = new IdentityIndex();
  const words = Buffer.alloc(16);
  for (let i = 0; i < 1_000_000; i++) {
    words.writeUInt32LE(Math.imul(i, 0x9e37_79b1) >>> 0, 0);
    words.writeUInt32LE(Math.imul(i ^ 0x5bd1, 0x85eb_ca6b) >>> 0, 10);
    index.insert(words.toString('latin1') as Identity, place(i), START, false);
  }
  const bytes =
    index
      .dump()
      .flatMap(({ tables }) => tables)
      .reduce((total, words) => total + words.byteLength, 0) / index.size;
  console.info(`identity index: ${bytes.toFixed(1)} bytes an identity at 1,000,000`);
  expect(bytes).toBeLessThan(64);
});
