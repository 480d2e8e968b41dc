import { type Instant, shift } from '@drawdown/kernel';
import { NO_LOG, type Row, type Sql } from '@drawdown/ports';
import { type ManualClock, manualClock } from '@drawdown/ports/testing';
import { ClockWatch } from './clock-watch';

const START = '2026-03-01T10:00:00.000000Z' as Instant;

let clock: ManualClock;
let gauged: Record<string, number>;
let watch: ClockWatch;
let monotonicMs: number;
/** How far the database's clock is from ours, what asking it takes, and by how much ours is set meanwhile. */
let theirs: { apart: bigint; takes: bigint; set: bigint; answers: boolean };

beforeEach(() => {
  clock = manualClock(START);
  gauged = {};
  monotonicMs = 0;
  theirs = { apart: 0n, takes: 1_000n, set: 0n, answers: true };
  const database: Sql = {
    query: async <R extends Row>() => {
      if (!theirs.answers) throw new Error('away');
      const now = shift(clock.now(), theirs.apart);
      clock.advance(theirs.takes + theirs.set);
      monotonicMs += Number(theirs.takes) / 1_000;
      return [{ now }] as unknown as readonly R[];
    },
  };
  const metrics = {
    count: () => undefined,
    observe: () => undefined,
    gauge: (name: string, value: number) => (gauged[name] = value),
  };
  watch = new ClockWatch({ clock, database, metrics, log: NO_LOG, monotonicMs: () => monotonicMs });
});
afterEach(() => watch.stop());

test.each([
  ['half a second ahead', -500_000n, 0.5, true],
  ['more than half a second ahead', -500_001n, 0.500001, false],
  ['more than half a second behind', 501_001n, 0.500001, false],
  ['two hours behind', 7_200_000_000n, 7_199.999, false],
  ['three days ahead', -259_200_000_000n, 259_200, false],
])('FLT-70: a clock %s of the database’s is reported as such', async (_, apart, seconds, isRight) => {
  theirs.apart = apart;
  expect(await watch.isRight()).toBe(isRight);
  expect(gauged['clock_skew_seconds']).toBe(seconds);
  if (isRight) expect(watch.trouble).toBeNull();
  else expect(watch.trouble).toMatch(/^the clock is [\d.]+ s from the database’s: /);
});

test('FLT-70: what asking takes is no difference of clocks', async () => {
  theirs = { ...theirs, apart: 3_000_000n, takes: 10_000_000n };
  expect(await watch.isRight()).toBe(true);
  expect(gauged['clock_skew_seconds']).toBe(0);
});

test('FLT-70: a database that is away takes nothing back and finds nothing new; one that is back does', async () => {
  theirs = { ...theirs, answers: false, apart: -9_000_000n };
  expect(await watch.isRight()).toBe(true);
  theirs.answers = true;
  expect(await watch.isRight()).toBe(false);
  theirs = { ...theirs, answers: false, apart: 0n };
  expect(await watch.isRight()).toBe(false);
  theirs.answers = true;
  expect(await watch.isRight()).toBe(true);
  expect(watch.trouble).toBeNull();
});

test.each([
  ['set ahead', 259_200_000_000n, false],
  ['set back', -600_000n, false],
  ['not set', 0n, true],
])(
  'FLT-70: a clock that was %s while the database does not answer is right only where it was not',
  async (_, by, isRight) => {
    expect(await watch.isRight()).toBe(true);
    theirs.answers = false;
    clock.advance(60_000_000n + by);
    monotonicMs += 60_000;
    expect(await watch.isRight()).toBe(isRight);
    theirs.answers = true; // and its clock was set as well
    expect(await watch.isRight()).toBe(true);
  },
);

test('FLT-70: a clock that is set while the database is asked is not right', async () => {
  expect(await watch.isRight()).toBe(true);
  theirs.set = 259_200_000_000n;
  expect(await watch.isRight()).toBe(false);
});
