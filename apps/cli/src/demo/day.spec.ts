import { isRejection, parseUsageEvent } from '@drawdown/domain';
import { type DayEvent, eventsOfDay } from './day';

const events = eventsOfDay('2026-03-02', 12_000, 1n);
const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);
const at = (values: readonly number[], permille: number): number =>
  sorted(values)[Math.floor((values.length * permille) / 1000)] ?? 0;

const tokensOf = ({ data }: DayEvent): { input: number; output: number }[] => {
  const quantities = data['quantities'] as Readonly<Record<string, string>> | undefined;
  if (quantities === undefined) return [];
  const { input_tokens: input, cache_read_tokens: cached, output_tokens: output } = quantities;
  return [{ input: Number(input) + Number(cached), output: Number(output) }];
};

test('a day is the same for the same seed, and another for another', () => {
  const differing = (others: readonly DayEvent[]): number =>
    events.filter((event, n) => JSON.stringify(event) !== JSON.stringify(others[n])).length;
  expect(differing(eventsOfDay('2026-03-02', 12_000, 1n))).toBe(0);
  expect(differing(eventsOfDay('2026-03-02', 12_000, 2n))).toBeGreaterThan(11_000);
});

test('its events are in order, of that day, and as many as asked for', () => {
  expect(events).toHaveLength(12_000);
  expect(new Set(events.map(({ time }) => time.slice(0, 10)))).toEqual(new Set(['2026-03-02']));
  expect(events.map(({ time }) => time)).toEqual(events.map(({ time }) => time).sort());
});

test('each is a usage event, with an identity of its own', () => {
  const common = { specversion: '1.0', source: 'demo', type: 'drawdown.usage.v1', subject: 'acme' };
  const read = events.map(({ id, time, data }) => parseUsageEvent({ ...common, id, time, data }));
  expect(read.filter((usage) => isRejection(usage))).toEqual([]);
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
});

test('tokens are distributed as in real traffic: a median and a heavy tail', () => {
  const [input, output] = [
    events.flatMap(tokensOf).map((tokens) => tokens.input),
    events.flatMap(tokensOf).map((tokens) => tokens.output),
  ];
  expect(at(input, 500)).toBeGreaterThan(1000);
  expect(at(input, 500)).toBeLessThan(1500);
  expect(at(input, 990)).toBeGreaterThan(6000);
  expect(at(output, 500)).toBeGreaterThan(130);
  expect(at(output, 500)).toBeLessThan(250);
});

test('traffic follows the day and comes in bursts', () => {
  const perMinute = new Map<string, number>();
  for (const { time } of events) perMinute.set(time.slice(0, 16), (perMinute.get(time.slice(0, 16)) ?? 0) + 1);
  const inHours = (from: number, to: number): number =>
    events.filter(({ time }) => Number(time.slice(11, 13)) >= from && Number(time.slice(11, 13)) < to).length;
  expect(inHours(9, 17)).toBeGreaterThan(8 * inHours(0, 5));
  expect(Math.max(...perMinute.values())).toBeGreaterThan(5 * at([...perMinute.values()], 500));
});
