import { inMemorySnapshots } from '@drawdown/ports/testing';
import { loadShard } from './load-shard';
import { CountedMetrics, type LedgerWorld, openLedger, SENDER, used, withOrganization } from './testing';
import { NO_LOG } from '@drawdown/ports';

const from = (offset: number, partition = 0, topic = 'usage.v1') => ({ topic, partition, offset });

const opened = async (): Promise<LedgerWorld> => {
  const world = await openLedger();
  await withOrganization(world);
  return world;
};
const take = (world: LedgerWorld, offset: number, ...ids: string[]) =>
  world.ledger.chargeFrom(
    from(offset),
    0,
    ids.map((id) => used(id)),
    SENDER,
  );

const offsetsOf = async ({ store, snapshots }: LedgerWorld, withSnapshots: boolean) =>
  (
    await loadShard(0, {
      store,
      snapshots: withSnapshots ? snapshots : inMemorySnapshots(),
      metrics: new CountedMetrics(),
      log: NO_LOG,
    })
  ).offsets;

describe('INV-INT-10: source offsets', () => {
  test('stand in the metadata of the append that took the records in, on its last event', async () => {
    const world = await opened();
    await Promise.all([
      take(world, 7, 'a', 'b'),
      take(world, 9, 'c'),
      world.ledger.chargeFrom(from(3, 1), 0, [used('d')], SENDER),
      world.ledger.chargeFrom(from(5, 0, 'other'), 0, [used('e', '1', { serviceType: 'unknown' })], SENDER),
    ]);
    const log = await world.store.read('ledger-0', 3, 99);
    const offsets = { 'usage.v1': { 0: 9, 1: 3 }, other: { 0: 5 } };
    expect(log.map(({ metadata }) => metadata['offsets'])).toEqual([undefined, offsets]);
  });

  test.each([true, false])('are restored on load (with a snapshot: %s)', async (withSnapshots) => {
    const world = await opened();
    await take(world, 7, 'a');
    await take(world, 8, 'b');
    await world.ledger.stop();
    const restarted = await world.again();
    await restarted.ledger.chargeFrom(from(2, 4), 0, [used('c')], SENDER);
    const offsets = await offsetsOf(world, withSnapshots);
    expect(Object.fromEntries([...(offsets.get('usage.v1') ?? [])])).toEqual({ 0: 8, 4: 2 });
    expect((await restarted.state()).offsets).toEqual(offsets);
  });

  test('a record delivered again is charged once', async () => {
    const world = await opened();
    await take(world, 7, 'a', 'b');
    const restarted = await world.again();
    const again = await take(restarted, 7, 'a', 'b');
    expect(again.outcomes).toMatchObject([{ code: 'taken_before' }, { code: 'taken_before' }]);
    expect(await restarted.available()).toBe('98');
  });

  test('of a record that is split over appends, only the last says that it was taken in', async () => {
    const world = await opened();
    await world.ledger.chargeFrom(
      from(7),
      0,
      Array.from({ length: 12_000 }, (_, i) => used(String(i), '0.001')),
      SENDER,
    );
    const log = await world.store.read('ledger-0', 3, 99);
    expect(log.map(({ metadata }) => metadata['offsets'] !== undefined)).toEqual([
      ...log.slice(1).map(() => false),
      true,
    ]);
    expect(log.length).toBeGreaterThan(1);
  });

  test('where the append fails nothing is taken in', async () => {
    const world = await opened();
    jest.spyOn(world.store, 'append').mockRejectedValueOnce(new Error('no'));
    await expect(take(world, 7, 'a')).rejects.toThrow('no');
    expect((await offsetsOf(world, false)).size).toBe(0);
    await world.time.until(take(world, 7, 'a'));
    expect((await offsetsOf(world, false)).get('usage.v1')?.get('0')).toBe(7);
  });

  test('a shard that there is not is refused, not waited for', async () => {
    const world = await opened();
    await expect(world.ledger.chargeFrom(from(1), 4, [used('a')], SENDER)).rejects.toThrow(RangeError);
  });
});
