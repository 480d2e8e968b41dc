import { format, formatPosition } from '@drawdown/kernel';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { shardOf } from './shard-of';
import { delegating, grant, type LedgerWorld, openLedger, recorded, used, withOrganization } from './testing';

const SHARDS = 4;
const ids = Array.from({ length: 12 }, (_, i) => `org-${String(i)}`);

const opened = async (): Promise<LedgerWorld> => {
  const world = await openLedger({ shards: SHARDS });
  for (const id of ids) await withOrganization(world, { id, credits: '10' });
  return world;
};

test('INV-LED-14: an organization’s shard is a pure function of its id and the count, the same for ever', () => {
  const places = (shards: number) => ['acme', 'org-1', 'org-2', 'org-3', 'a', '漢'].map((id) => shardOf(id, shards));
  expect(places(1)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(places(4)).toEqual([1, 3, 3, 3, 2, 1]);
  expect(places(64)).toEqual([45, 39, 27, 39, 18, 33]);
});

test('every shard has its share', () => {
  const counts = new Array<number>(16).fill(0);
  for (let i = 0; i < 16_000; i++) {
    const shard = shardOf(`organization-${String(i)}`, counts.length);
    counts[shard] = (counts[shard] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(850);
  expect(Math.max(...counts)).toBeLessThan(1_150);
});

test('usage over all shards is answered in the order given, with a position that covers each', async () => {
  const world = await opened();
  const usages = Array.from({ length: 48 }, (_, i) =>
    used(String(i), `0.${String(i + 10)}`, { organizationId: ids[(i * 5) % ids.length] ?? '' }),
  );
  const { outcomes, position } = await world.charge(...usages, used('x', '1', { organizationId: 'nobody' }));
  expect(
    outcomes.slice(0, 48).map((outcome) => ('debited' in outcome ? format(outcome.debited as never) : null)),
  ).toEqual(usages.map((_, i) => String(Number(`0.${String(i + 10)}`))));
  expect(outcomes[48]).toMatchObject({ outcome: 'refused' });
  expect([...position.keys()].sort()).toEqual(['0', '1', '2', '3']);
  for (const id of ids) {
    const read = await world.ledger.read(id, position, (organization) => organization.id);
    expect(read?.value).toBe(id);
    expect([...(read?.asOf.position.keys() ?? [])]).toEqual([String(world.ledger.shardOf(id))]);
  }
});

test('each shard’s stream has its own organizations only, and a restart finds all of them', async () => {
  const world = await opened();
  for (let shard = 0; shard < SHARDS; shard++) {
    const owners = (await recorded(world.store, shard)).map(({ organizationId }) => organizationId ?? '');
    expect(new Set(owners.map((id) => shardOf(id, SHARDS)))).toEqual(new Set([shard]));
  }
  await world.ledger.stop();
  const restarted = await world.again();
  expect(await Promise.all(ids.map((id) => restarted.available(id)))).toEqual(ids.map(() => '10'));
  expect(await restarted.run(grant('1'), { of: 'org-3' })).toMatchObject({ accepted: true });
});

test('an empty request is answered, too', async () => {
  for (const shards of [1, SHARDS]) {
    const world = await openLedger({ shards });
    expect((await world.charge()).outcomes).toEqual([]);
  }
});

test('where one shard cannot store, the whole request is "unavailable"; sent again, each event is charged once', async () => {
  let broken = true;
  const inner = inMemoryEventStore();
  const world = await openLedger({
    shards: SHARDS,
    store: {
      ...delegating(inner),
      append: (stream, ...rest) =>
        broken && stream === 'ledger-1' ? Promise.reject(new Error('no')) : inner.append(stream, ...rest),
    },
  });
  broken = false;
  for (const id of ids) await withOrganization(world, { id, credits: '10' });
  broken = true;
  const usages = ids.map((organizationId) => used('a', '1', { organizationId }));
  await expect(world.charge(...usages)).rejects.toMatchObject({ code: 'unavailable' });
  broken = false;
  const { outcomes } = await world.time.until(world.charge(...usages));
  expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['charged', 'duplicate']));
  expect(await Promise.all(ids.map((id) => world.available(id)))).toEqual(ids.map(() => '9'));
});

test('a clock is settled on every shard, and trouble of any shard is trouble', async () => {
  const world = await opened();
  await world.ledger.settleClock('');
  expect(world.ledger.trouble).toBeNull();
  jest.spyOn(world.store, 'append').mockRejectedValueOnce(new Error('the disk is full'));
  await expect(world.run(grant('1'), { of: 'org-2' })).rejects.toThrow('the disk is full');
  expect(world.ledger.trouble).toMatch(/^ledger-\d: the disk is full$/);
  const charged = await world.charge(
    used('a', '1', { organizationId: ids.find((id) => shardOf(id, SHARDS) !== shardOf('org-2', SHARDS)) ?? '' }),
  );
  expect(formatPosition(charged.position)).toMatch(/^\d\.\d+$/);
});
