import { DecisionFailed, LedgerUnavailable } from '@drawdown/commands';
import { type LaneLimits, RecordLane } from './record-lane';

const LIMITS: LaneLimits = { waiting: 100, atOnce: 3, tryForMs: 60_000, retryMs: 1, retryMostMs: 4 };
const away = (): Promise<never> => Promise.reject(new LedgerUnavailable('away'));

const open = (limits: Partial<LaneLimits> = {}) => {
  const stopping = new AbortController();
  const lane = new RecordLane({ ...LIMITS, ...limits }, stopping.signal);
  const lost: string[] = [];
  /** Each try, by name, with a star where it may be there already. */
  const tries: string[] = [];
  const add = (name: string, write: (tries: number) => Promise<void> = async () => undefined): Promise<boolean> => {
    let count = 0;
    let kept = true;
    return lane
      .add({
        write: (again) => {
          tries.push(again ? `${name}*` : name);
          return write(++count);
        },
        lost: (why) => {
          kept = false;
          lost.push(`${name}: ${why}`);
        },
      })
      .then(() => kept);
  };
  return { lane, stopping, add, tries, lost };
};

/** A write that ends when the test says so. */
const held = () => {
  let release = (): void => undefined;
  const write = (): Promise<void> => new Promise((resolve) => (release = resolve));
  return { write, release: () => release() };
};

describe('records on their way into the log of a shard', () => {
  test('are under way several at a time, in the order in which they came', async () => {
    const { add, tries } = open();
    const [a, b, c] = [held(), held(), held()];
    const all = [add('a', a.write), add('b', b.write), add('c', c.write), add('d')];
    expect(tries).toEqual(['a', 'b', 'c']);
    for (const one of [a, b, c]) one.release();
    expect(await Promise.all(all)).toEqual([true, true, true, true]);
    expect(tries).toEqual(['a', 'b', 'c', 'd']);
  });

  test('are tried again, as what may be there already, one at a time while the ledger is away', async () => {
    const { add, tries, lost } = open({ atOnce: 1 });
    const all = [
      add('a', (n) => (n < 3 ? away() : Promise.resolve())),
      add('b', (n) => (n < 2 ? away() : Promise.resolve())),
    ];
    expect(await Promise.all(all)).toEqual([true, true]);
    expect(tries).toEqual(['a', 'b', 'a*', 'b*', 'a*']);
    expect(lost).toEqual([]);
  });

  test('wait for no other one that alone is not taken', async () => {
    const { add } = open({ atOnce: 1 });
    let isTaken = false;
    const frozen = add('frozen', () => (isTaken ? Promise.resolve() : away()));
    expect(await add('other')).toBe(true);
    isTaken = true;
    expect(await frozen).toBe(true);
  });

  test.each([
    ['the program fails on it', new DecisionFailed('a fault')],
    ['it fails otherwise', new TypeError('a fault')],
  ])('are given up at once where %s', async (_, failure) => {
    const { add, tries, lost } = open();
    expect(await add('a', () => Promise.reject(failure))).toBe(false);
    expect([tries, lost]).toEqual([['a'], ['a: a fault']]);
    expect(await add('b')).toBe(true);
  });

  test('are given up after a time, also those that were not tried in it', async () => {
    // The first try is over in time on a busy machine, too; the next would come after it.
    const { add, tries, lost } = open({ atOnce: 1, tryForMs: 400, retryMs: 600, retryMostMs: 600 });
    expect(await Promise.all([add('a', away), add('b')])).toEqual([false, false]);
    expect(tries).toEqual(['a']);
    expect([...lost].sort()).toEqual(['a', 'b'].map((name) => `${name}: the ledger was away for too long`));
  });

  test('are given up where too many wait, and when the process ends, whether they are under way or not', async () => {
    const { lane, stopping, add, lost } = open({ atOnce: 1, waiting: 1 });
    const all = [add('a', held().write), add('b'), add('c')];
    expect(lost).toEqual(['c: too many wait']);
    stopping.abort();
    lane.abandon();
    expect(await Promise.all(all)).toEqual([false, false, false]);
    expect(lost).toEqual(['c: too many wait', 'b: the process ends', 'a: the process ends']);
  });

  test('rest no longer than until the process ends: then each has one try more', async () => {
    const { stopping, add, lost } = open({ atOnce: 1, retryMs: 60_000, retryMostMs: 60_000 });
    const all = [add('a', away), add('b')];
    await new Promise((resolve) => setImmediate(resolve));
    stopping.abort();
    expect(await Promise.all(all)).toEqual([false, true]);
    expect(lost).toEqual(['a: away']);
  });
});
