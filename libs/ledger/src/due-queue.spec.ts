import { walletNamed } from '@drawdown/domain';
import { later, START } from '@drawdown/domain/testing';
import fc from 'fast-check';
import { DueQueue } from './due-queue';
import { grant, hold, idIn, mustBeAccepted, openLedger, withOrganization } from './testing';

test('gives organizations in the order of their due instants, those of one instant by id', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ day: fc.nat(20), id: fc.nat(5) })), (entries) => {
      const queue = new DueQueue();
      const pushed = entries.map(({ day, id }) => ({ due: later(START, { days: day }), organizationId: String(id) }));
      for (const { due, organizationId } of pushed) queue.push(due, organizationId);
      const inOrder = pushed.map((entry) => `${entry.due} ${entry.organizationId}`).sort();
      const first = queue.peek();
      const popped = pushed.map(() => queue.pop()).map((entry) => `${entry?.due ?? ''} ${entry?.organizationId ?? ''}`);
      expect(popped).toEqual(inOrder);
      expect(first === undefined ? [] : [`${first.due} ${first.organizationId}`]).toEqual(inOrder.slice(0, 1));
      expect([queue.size, queue.peek(), queue.pop()]).toEqual([0, undefined, undefined]);
    }),
  );
});

test('holds that come and go leave no heap of entries behind, and what is due is still found', async () => {
  const world = await openLedger();
  await withOrganization(world, { credits: '10' });
  await mustBeAccepted(world.run(grant('5', { expiresAt: later(START, { days: 300 }) })));
  for (let i = 0; i < 500; i++) {
    const held = await mustBeAccepted(world.run(hold('1', later(START, { days: 10, seconds: i }))));
    await mustBeAccepted(world.run({ type: 'ReleaseHold', holdId: idIn(held) }));
  }
  expect((await world.state()).due.get('')?.size).toBeLessThan(100);
  world.clock.moveTo(later(START, { days: 300 }));
  await world.ledger.settleClock('');
  const settled = await world.ledger.read(
    'acme',
    null,
    (organization) => walletNamed(organization, 'credits')?.settled,
  );
  expect(settled?.value).toBe(10_000_000_000n);
});
