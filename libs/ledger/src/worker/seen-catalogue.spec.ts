import { NO_LOG } from '@drawdown/ports';
import { CatalogueBehind } from '../catalogue/catalogue-progress';
import { SeenCatalogue } from './seen-catalogue';

/** A catalogue that shows everything up to `covered`, and what it was asked to wait for: position and time. */
const catalogueAt = (covered: number, head: number) => {
  const waits: [number, number | undefined][] = [];
  const seen = new SeenCatalogue(
    {
      reached: (position, ms) => {
        if (position <= covered) return Promise.resolve();
        waits.push([position, ms]);
        if (ms !== undefined || position > head) return Promise.reject(new CatalogueBehind('it is not there'));
        return Promise.resolve();
      },
      isLevel: () => Promise.resolve(covered >= head),
    },
    NO_LOG,
  );
  return { seen, waits };
};

test('a position that the store has not got holds up nothing for longer than a moment, however often it is named', async () => {
  const { seen, waits } = catalogueAt(10, 10);
  expect(await seen.waitFor([3, 10])).toBe(true);
  expect(waits).toEqual([]);
  for (const forged of [999, 998, 11]) expect(await seen.waitFor([3, forged])).toBe(false);
  expect(waits).toEqual(
    [999, 998, 11].flatMap((position) => [
      [position, 100],
      [position, 0],
    ]),
  );
});

test('where the store has more than was seen, it is waited for as long as that may take, also after a forged one', async () => {
  const { seen, waits } = catalogueAt(10, 20);
  expect(await seen.waitFor([999])).toBe(false);
  expect(await seen.waitFor([15])).toBe(true);
  expect(waits.slice(2)).toEqual([
    [15, 100],
    [15, undefined],
  ]);
});

test('what is wrong otherwise is not taken for a catalogue that is behind', async () => {
  const broken = new Error('the store is another one');
  const reached = () => Promise.reject(broken);
  const seen = new SeenCatalogue({ reached, isLevel: () => Promise.resolve(true) }, NO_LOG);
  await expect(seen.waitFor([1])).rejects.toBe(broken);
});
