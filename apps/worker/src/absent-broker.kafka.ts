import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { startDouble } from '@drawdown/adapters/eventstoredb/testing/double';
import { startKafkaBroker } from '@drawdown/adapters/kafka/testing/broker';
import { freePorts } from '@drawdown/adapters/testing/ports';

/** Long enough for the client to have given up once. */
const ABSENT_MS = 10_000;

test('a worker that was started before its broker is ready by itself once that is there', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'drawdown-absent-'));
  const [port = 0, kafka = 0] = await freePorts(2);
  const double = await startDouble(path.join(folder, 'store'));
  const worker = new AppProcess({
    name: 'worker',
    file: path.resolve('dist/apps/worker/src/main.js'),
    environment: {
      ...{ HOST: '127.0.0.1', PORT: String(port), DRAWDOWN_DATA: path.join(folder, 'data') },
      ...{ EVENTSTORE_URL: double.url, KAFKA_BROKERS: `127.0.0.1:${String(kafka)}` },
    },
    port,
  });
  worker.start();
  const stops: (() => Promise<unknown>)[] = [() => worker.stop(), () => double.stop()];
  try {
    await worker.says('waits for kafka');
    await expect(worker.ready(ABSENT_MS)).rejects.toThrow('does not become ready');
    await worker.says('waits for kafka');
    const broker = await startKafkaBroker({ port: kafka });
    stops.push(() => broker.stop());
    await worker.ready(60_000);
    expect(worker.ownEnds).toEqual([]);
  } finally {
    for (const stop of stops) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}, 240_000);
