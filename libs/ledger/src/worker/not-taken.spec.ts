import { ledgerStream } from '@drawdown/domain';
import { chainHash, eventIdOf, storedHash } from '@drawdown/kernel';
import type { EventStore } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { type DistributedWorld, eventually, furnish, openDistributed } from '../testing/distributed';

const SHARD = 1;
const NEWER = 'event type OfTheFuture is not known here; a newer release wrote it: start that one, or a later one';

const opened: DistributedWorld[] = [];
afterEach(async () => {
  for (const world of opened.splice(0)) await world.close();
});

/** As a worker of a newer release writes it, in its place and in the chain. */
const writeOfTheFuture = async (store: EventStore): Promise<void> => {
  const stream = ledgerStream(SHARD);
  const head = await store.head(stream);
  const [last] = await store.read(stream, head, 1);
  const before = last && storedHash(last);
  if (last === undefined || before === undefined) throw new Error('the ledger is empty');
  const { hash: _, ...metadata } = last.metadata;
  const event = { stream, revision: head + 1, type: 'OfTheFuture', data: Buffer.from('{}'), metadata };
  const hash = chainHash(before, event);
  const { type, data } = event;
  await store.append(stream, head + 1, [
    { id: eventIdOf(hash), type, data, metadata: { ...metadata, hash: hash.toString('hex') } },
  ]);
};

describe('a shard that this release cannot load, of a worker that is rolled back', () => {
  const rolledBack = async (): Promise<DistributedWorld> => {
    const world = openDistributed();
    opened.push(world);
    const newer = await world.worker();
    await furnish(await world.api());
    await newer.stop();
    await writeOfTheFuture(world.store);
    return world;
  };

  test('keeps its worker from being ready, which says what to do, and the other shards work', async () => {
    const world = await rolledBack();
    const older = await world.worker();
    await eventually(() => older.worker.trouble === `${ledgerStream(SHARD)} revision 3: ${NEWER}`);
    await eventually(() => older.metrics.of('shards_owned') === 3);
  });

  test('and one that is still being loaded keeps it from being ready, too: the next worker is replaced after that', async () => {
    const store = inMemoryEventStore();
    const world = openDistributed({ store });
    opened.push(world);
    const newer = await world.worker();
    await furnish(await world.api());
    await newer.stop();
    let go = (): void => undefined;
    const isRead = new Promise<void>((resolve) => (go = resolve));
    const slow: EventStore = Object.assign(Object.create(store) as EventStore, {
      read: async (...args: Parameters<EventStore['read']>) => {
        if (args[0] === ledgerStream(SHARD)) await isRead;
        return store.read(...args);
      },
    });
    const next = await world.worker({ store: slow });
    await eventually(() => next.metrics.of('shards_owned') === 3);
    expect(next.worker.trouble).toBe('partition 1 is being taken up');
    go();
    await eventually(() => next.metrics.of('shards_owned') === 4);
    expect(next.worker.trouble).toBeNull();
  });

  test('is the trouble of whoever has its partition, and of nobody else', async () => {
    const world = await rolledBack();
    const workers = [await world.worker(), await world.worker()];
    const troubled = () => workers.filter(({ worker }) => worker.trouble?.includes(NEWER));
    await eventually(() => troubled().length === 1);
    await troubled()[0]?.stop();
    await eventually(() => troubled().length === 1 && workers.some(({ metrics }) => metrics.of('shards_owned') === 3));
    for (const { worker } of workers) await worker.stop();
    expect(workers.map(({ worker }) => worker.trouble)).toEqual([null, null]);
  });
});
