import { Session } from './session';

const MS = 6_000;

const opened = () => {
  let now = 0;
  const session = new Session(MS, () => now);
  const after = (ms: number): Session => {
    now += ms;
    return session;
  };
  return { session, after };
};
const joined = () => {
  const { session, after } = opened();
  session.joined();
  return { session, after };
};

describe('FLT-32: what a group has given a member', () => {
  test('is let go of once, when a session has passed without an answer', () => {
    const { session, after } = joined();
    expect([after(MS - 1).lapses(), session.isHeld]).toEqual([false, true]);
    expect(session.answered()).toBe(false);
    expect([after(MS - 1).lapses(), session.isHeld]).toEqual([false, true]);
    expect([after(1).isHeld, session.lapses(), session.lapses()]).toEqual([false, true, false]);
    expect(after(MS).lapses()).toBe(false);
  });

  test('is its own again when heartbeats are answered on end: neither member nor generation are others', () => {
    const { session, after } = joined();
    expect(after(MS).lapses()).toBe(true);
    expect([1, 2, 3].map(() => after(500).answered())).toEqual([false, false, false]);
    expect([after(500).answered(), session.isHeld]).toEqual([true, true]);
    expect(session.answered()).toBe(false);
    expect(after(MS).lapses()).toBe(true);
  });

  test('is not believed to be its own for heartbeats between which there was silence', () => {
    const { session, after } = joined();
    expect(after(MS).lapses()).toBe(true);
    for (const _ of [1, 2, 3]) session.answered();
    expect([after(MS).answered(), session.isHeld]).toEqual([false, false]);
  });

  test('is what the group says where it joins again', () => {
    const { session, after } = joined();
    expect(after(MS).lapses()).toBe(true);
    session.joins();
    // The answer to a heartbeat that was out before says nothing of what the join will bring.
    expect([1, 2, 3, 4, 5].map(() => session.answered())).toEqual([false, false, false, false, false]);
    expect([after(500).joiningMs, session.isHeld]).toEqual([500, false]);
    session.joined();
    expect(session.joiningMs).toBe(0);
    expect([session.isHeld, after(MS).lapses()]).toEqual([true, true]);
  });

  test('is kept for a session while a join waits for others, however often it is sent again', () => {
    const { session, after } = joined();
    after(MS - 1).joins();
    after(MS - 1).joins();
    expect([session.isHeld, session.lapses(), session.joiningMs]).toEqual([true, false, MS - 1]);
    expect([after(1).isHeld, session.lapses()]).toEqual([false, true]);
  });
});

test('who was given nothing yet has nothing to let go of', () => {
  const { session, after } = opened();
  expect([session.isHeld, after(MS).lapses(), session.answered()]).toEqual([false, false, false]);
  session.joins();
  expect([session.isHeld, after(MS).lapses()]).toEqual([false, false]);
});
