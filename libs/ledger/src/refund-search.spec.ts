import type { UsageEvent } from '@drawdown/domain';
import { later, START } from '@drawdown/domain/testing';
import { chargeId, organizationNamespace } from '@drawdown/kernel';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import { identityOfTransaction } from './fold';
import {
  ACME,
  delegating,
  grant,
  hold,
  idIn,
  type LedgerWorld,
  mustBeAccepted,
  openLedger,
  recorded,
  refund,
  used,
  withOrganization,
} from './testing';

const on = (days: number) => later(START, { days });
const idOf = (id: string, organization = ACME): string => {
  const { source } = used(id);
  return chargeId(organizationNamespace(organization), source, id);
};
const daily = (days: number): UsageEvent => used(`day-${String(days)}`, '1', { time: on(days) });

/** Acme was charged 5 for `old`, 2 for `older`, so long ago that the index has forgotten both. */
const longAfter = async (store = inMemoryEventStore()): Promise<LedgerWorld> => {
  const world = await openLedger({ store });
  await withOrganization(world);
  await withOrganization(world, { id: 'other' });
  await world.charge(used('older', '2'), used('old', '5'), used('old', '9', { organizationId: 'other' }));
  for (const days of [5, 46]) {
    world.clock.moveTo(on(days));
    await world.charge(daily(days));
  }
  return world;
};
const isForgotten = async (world: LedgerWorld, transactionId: string): Promise<boolean> =>
  (await world.state()).identities.find(identityOfTransaction(transactionId)).length === 0;
const returnedIn = async (world: LedgerWorld): Promise<unknown[]> =>
  (await recorded(world.store)).flatMap(({ event }) => (event.type === 'ChargeRefunded' ? [event.data] : []));

describe('INV-LOT-9: a charge that the index has forgotten', () => {
  test('is given back whole, to the lot that paid it, and never twice', async () => {
    const world = await longAfter();
    expect(await isForgotten(world, idOf('old'))).toBe(true);
    expect(await world.available()).toBe('91');
    expect(await mustBeAccepted(world.run(refund(idOf('old'))))).toMatchObject({ credits: '5', forfeited: '0' });
    expect(await world.available()).toBe('96');
    expect(await world.run(refund(idOf('old')))).toMatchObject({ refusal: { code: 'already_refunded' } });
    const restarted = await openLedger({ store: world.store, clock: world.clock });
    expect(await restarted.run(refund(idOf('old')))).toMatchObject({ refusal: { code: 'already_refunded' } });
    expect(await restarted.available()).toBe('96');
    const [charged] = (await recorded(world.store)).flatMap(({ event }) =>
      event.type === 'UsageCharged' ? event.data.charges.filter(({ usage }) => usage.id === 'old') : [],
    );
    expect(await returnedIn(world)).toMatchObject([{ chargeId: idOf('old'), drawnAt: START, moves: charged?.slices }]);
  });

  test('is given back in parts, by many at once, up to what was charged', async () => {
    const world = await longAfter();
    const asked = Array.from({ length: 8 }, () => world.run(refund(idOf('old'), '1')));
    const accepted = (await Promise.all(asked)).filter((result) => result.accepted);
    expect(accepted).toHaveLength(5);
    expect(await world.available()).toBe('96');
    expect(await world.run(refund(idOf('older'), '2.1'))).toMatchObject({ refusal: { code: 'exceeds_charge' } });
    expect(await mustBeAccepted(world.run(refund(idOf('older'))))).toMatchObject({ credits: '2' });
  });

  test('is answered the same under the same key', async () => {
    const world = await longAfter();
    const first = await world.run(refund(idOf('old')), { key: 'k' });
    expect(await world.run(refund(idOf('old')), { key: 'k' })).toEqual({ ...first, replayed: true });
    expect(await returnedIn(world)).toHaveLength(1);
  });

  test('is found behind a quarantine of the same identity', async () => {
    const world = await longAfter();
    expect((await world.charge(used('old', '5'))).outcomes).toMatchObject([{ outcome: 'quarantined' }]);
    expect(await isForgotten(world, idOf('old'))).toBe(false);
    expect(await mustBeAccepted(world.run(refund(idOf('old'))))).toMatchObject({ credits: '5' });
  });

  test('may be a capture; a grant is none', async () => {
    const world = await openLedger();
    await withOrganization(world);
    const granted = await mustBeAccepted(world.run(grant('1')));
    const holdId = idIn(await mustBeAccepted(world.run(hold('4'))));
    const usage = { serviceType: null, workspaceId: null, userId: null, resourceType: null, resourceId: null, model: null, taskId: null }; // prettier-ignore
    const capture = { type: 'CaptureHold', holdId, amount: 3_000_000_000n as never, final: true, usage } as const;
    const { transaction_id } = await mustBeAccepted(world.run(capture));
    const captured = transaction_id as string;
    for (const days of [5, 46]) {
      world.clock.moveTo(on(days));
      await world.charge(daily(days));
    }
    const { id: grantTransaction } = granted['transaction'] as { id: string };
    expect(await isForgotten(world, captured)).toBe(true);
    expect(await world.run(refund(grantTransaction))).toMatchObject({ refusal: { code: 'not_refundable' } });
    expect(await mustBeAccepted(world.run(refund(captured)))).toMatchObject({ credits: '3' });
  });

  test('is not another organization’s to give back, nor is one that never was', async () => {
    const world = await longAfter();
    const refused = { refusal: { code: 'not_found' } };
    expect(await world.run(refund(idOf('old', 'other')))).toMatchObject(refused);
    expect(await world.run(refund(idOf('never')))).toMatchObject(refused);
    expect(await world.run(refund('no transaction'))).toMatchObject(refused);
    expect(await world.run(refund(idOf('old')), { of: 'nobody' })).toMatchObject(refused);
    expect(await returnedIn(world)).toEqual([]);
  });
});

/** A store that counts reads from the beginning of the log, of which the shard's loading is one, and holds them up while `held`. */
const watched = () => {
  const inner = inMemoryEventStore();
  const watch = { searches: 0, held: null as Promise<void> | null };
  const store = {
    ...delegating(inner),
    read: async (stream: string, from: number, limit: number) => {
      if (from === 0) {
        watch.searches++;
        await watch.held;
      }
      return inner.read(stream, from, limit);
    },
  };
  return { store, watch };
};

test('while the log is searched the shard goes on charging, and who asks for the same shares the search', async () => {
  const { store, watch } = watched();
  const world = await longAfter(store);
  watch.searches = 0;
  const { promise, release } = gate();
  watch.held = promise;
  const searching = [world.run(refund(idOf('old'))), world.run(refund(idOf('old')))];
  expect((await world.charge(used('meanwhile', '1', { time: on(46) }))).outcomes).toMatchObject([
    { outcome: 'charged' },
  ]);
  expect(watch.searches).toBe(1);
  release();
  expect((await Promise.all(searching)).map(({ accepted }) => accepted).sort()).toEqual([false, true]);
});

test('too many searches at once are refused, to be sent again', async () => {
  const { store, watch } = watched();
  const world = await longAfter(store);
  const { promise, release } = gate();
  watch.held = promise;
  const asked = Array.from({ length: 20 }, (_, i) => world.run(refund(idOf(`never-${String(i)}`))));
  const settled = Promise.allSettled(asked);
  release();
  const refused = (await settled).filter(({ status }) => status === 'rejected');
  expect(refused).toHaveLength(4);
  expect(await mustBeAccepted(world.run(refund(idOf('old'))))).toMatchObject({ credits: '5' });
});

test('what the index knows, and a young organization’s, is not searched for', async () => {
  const { store, watch } = watched();
  const world = await longAfter(store);
  watch.searches = 0;
  await withOrganization(world, { id: 'young' });
  await mustBeAccepted(world.run(refund(idOf('day-46'))));
  await world.run(refund(idOf('never', 'young')), { of: 'young' });
  expect(watch.searches).toBe(0);
});

const gate = (): { promise: Promise<void>; release: () => void } => {
  let release = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release: () => release() };
};

test('of an identity that was used again after 40 days, the refund is of the later charge, which its id names', async () => {
  const world = await openLedger();
  await withOrganization(world);
  await world.charge(used('a', '2'));
  world.clock.moveTo(on(41));
  await world.charge(used('a', '3', { time: on(41) }));
  expect((await world.state()).identities.find(identityOfTransaction(idOf('a')))).toHaveLength(2);
  expect(await mustBeAccepted(world.run(refund(idOf('a'))))).toMatchObject({ credits: '3' });
  expect(await returnedIn(world)).toMatchObject([{ charged: 3_000_000_000n, drawnAt: on(41) }]);
});

describe('of two charges of one id, 40 days and more apart', () => {
  const twice = async (): Promise<LedgerWorld> => {
    const world = await openLedger();
    await withOrganization(world);
    await world.charge(used('a', '2'));
    return world;
  };
  const again = async (world: LedgerWorld): Promise<void> => {
    world.clock.moveTo(on(41));
    await world.charge(used('a', '3', { time: on(41) }));
  };

  test('what was given back of the first is not taken off the second', async () => {
    const world = await twice();
    expect(await mustBeAccepted(world.run(refund(idOf('a'), '1.5')))).toMatchObject({ credits: '1.5' });
    await again(world);
    expect(await mustBeAccepted(world.run(refund(idOf('a'))))).toMatchObject({ credits: '3' });
    expect(await world.run(refund(idOf('a')))).toMatchObject({ refusal: { code: 'already_refunded' } });
    expect((await returnedIn(world)).map((one) => (one as { drawnAt: string }).drawnAt)).toEqual([START, on(41)]);
  });

  test('the later is given back, also where both are forgotten', async () => {
    const world = await twice();
    await again(world);
    for (const days of [47, 88, 94]) {
      world.clock.moveTo(on(days));
      await world.charge(daily(days));
    }
    expect(await isForgotten(world, idOf('a'))).toBe(true);
    expect(await mustBeAccepted(world.run(refund(idOf('a'))))).toMatchObject({ credits: '3' });
    expect(await returnedIn(world)).toMatchObject([{ drawnAt: on(41) }]);
  });
});
