import { Portion } from './portion';

test('after a batch that could not be saved a single event is taken, then twice as much with each commit, up to the whole', () => {
  const portion = new Portion({ events: 20, weight: 6 });
  expect([portion.isWhole, portion.limits]).toEqual([true, { events: 20, weight: 6 }]);
  portion.failed();
  const taken: unknown[] = [];
  for (let commits = 0; commits < 9 && !portion.isWhole; commits++, portion.saved()) taken.push(portion.limits);
  expect(taken).toEqual([
    { events: 1, weight: 1 },
    { events: 2, weight: 2 },
    { events: 4, weight: 4 },
    { events: 8, weight: 6 },
    { events: 16, weight: 6 },
  ]);
  expect(portion.limits).toEqual({ events: 20, weight: 6 });
});
