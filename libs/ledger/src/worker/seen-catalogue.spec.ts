import { NO_LOG } from '@drawdown/ports';
import { CatalogueBehind } from '../local-catalogue';
import { SeenCatalogue } from './seen-catalogue';

test('a position that nobody reaches holds up its shard once a minute, however many records name such ones', async () => {
  let now = 0;
  const waits: (number | undefined)[] = [];
  const reached = async (position: number, ms?: number): Promise<void> => {
    if (position < 10) return;
    waits.push(ms);
    throw new CatalogueBehind('it is not there');
  };
  const seen = new SeenCatalogue({ reached }, NO_LOG, () => now);
  expect(await seen.waitFor([3, 12])).toBe(false);
  for (now of [0, 30_000, 59_999]) expect(await seen.waitFor([11])).toBe(false);
  expect(await seen.waitFor([9])).toBe(true);
  expect(waits).toEqual([undefined, 100, 100, 100]);
  now = 60_000;
  expect(await seen.waitFor([12])).toBe(false);
  expect(waits.at(-1)).toBeUndefined();
});
