import { LedgerUnavailable } from '../ledger';
import { CountedMetrics } from '../testing';
import { ShardFlight } from './shard-flight';

let flight: ShardFlight;
beforeEach(() => {
  flight = new ShardFlight(new CountedMetrics());
});
const isRefused = (): boolean => {
  try {
    flight.end(flight.begin());
    return false;
  } catch (error) {
    if (error instanceof LedgerUnavailable) return true;
    throw error;
  }
};

describe('FLT-80: calls on their way to a shard', () => {
  test('are as many as come while each is answered in time', () => {
    for (let n = 0; n < 1_000; n++) flight.begin();
    expect(isRefused()).toBe(false);
  });

  test('are one at a time while one is late, until that is answered after all', () => {
    const late = flight.begin();
    const other = flight.begin();
    const over = flight.overdue(late);
    expect(isRefused()).toBe(true);
    flight.end(other);
    expect(isRefused()).toBe(false);
    flight.begin();
    expect(isRefused()).toBe(true);
    over();
    expect(isRefused()).toBe(false);
  });

  test('are as many as come once a later one was answered: what came before it was decided, and nothing else', () => {
    const [lost, call, later] = [flight.begin(), flight.begin(), flight.begin()];
    flight.overdue(lost);
    const over = flight.overdue(later);
    flight.answered(call);
    expect(isRefused()).toBe(true); // the later one is still to come
    over();
    expect(isRefused()).toBe(false);
  });
});
