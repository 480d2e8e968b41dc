import { NO_LOG } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { LEDGER_TOPIC } from './event-record';
import { startRelay } from './relay-process';
import { until } from './testing/counting';
import { counters, faultyStream, unreadableStore } from './testing/fan-out';

test('FLT-20, FLT-30: a relay tells for as long as it runs whether its servers answer', async () => {
  const [store, stream, metrics] = [unreadableStore(inMemoryEventStore()), faultyStream(), counters()];
  await stream.ensureTopic(LEDGER_TOPIC, 1);
  const relay = startRelay({
    ...{ store, stream, shards: 1, log: NO_LOG, metrics, register: () => undefined },
    streamOf: (shard) => `ledger-${String(shard)}`,
  });
  const are = (eventStore: number, kafka: number): Promise<void> =>
    until(
      () => metrics.of['dependency_up event_store'] === eventStore && metrics.of['dependency_up kafka'] === kafka,
      `event_store is ${String(eventStore)}, kafka ${String(kafka)}`,
    );
  try {
    await are(1, 1);
    stream.away = true;
    await are(1, 0);
    [store.unreadable, stream.away] = [true, false];
    await are(0, 1);
  } finally {
    await relay.stop();
  }
});
