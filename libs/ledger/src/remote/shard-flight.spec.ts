import { ShardFlight } from './shard-flight';

let flight: ShardFlight;
beforeEach(() => {
  flight = new ShardFlight();
});

describe('FLT-80: calls on their way to a shard', () => {
  test('are as many as come while each is answered in time', () => {
    for (let n = 0; n < 1_000; n++) flight.begin();
    expect(flight.isOpen).toBe(true);
  });

  test('are one at a time while one is late, until that is answered after all', () => {
    const late = flight.begin();
    const other = flight.begin();
    const over = flight.overdue(late);
    expect(flight.isOpen).toBe(false);
    flight.end(other);
    expect(flight.isOpen).toBe(true);
    flight.begin();
    expect(flight.isOpen).toBe(false);
    over();
    expect(flight.isOpen).toBe(true);
  });

  test('are as many as come once a later one was answered: what came before it was decided, and nothing else', () => {
    const [lost, call, later] = [flight.begin(), flight.begin(), flight.begin()];
    flight.overdue(lost);
    const over = flight.overdue(later);
    flight.answered(call);
    expect(flight.isOpen).toBe(false); // the later one is still to come
    over();
    expect(flight.isOpen).toBe(true);
  });
});
