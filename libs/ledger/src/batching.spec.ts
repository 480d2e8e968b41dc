import fc from 'fast-check';
import { factsOf, openLedger, recorded, stateHash, withOrganization } from './testing';
import { act, activities, courses } from './testing/activity';

/** What an activity leaves in the log, taken in one course or another. */
const logOf = async (...[operations, course]: [Parameters<typeof act>[1], Parameters<typeof act>[2]?]) => {
  const world = await openLedger();
  await withOrganization(world, { credits: '0' });
  const after = await act(world, operations, course);
  await after.ledger.settleClock('');
  const [log, live] = [await recorded(after.store), stateHash(await after.state())];
  const loaded = stateHash(await (await openLedger({ store: after.store, clock: after.clock })).state());
  return { facts: factsOf(log), live, loaded };
};

test('INV-LED-8: any micro-batches, restarts in between: the same charges, slices, balances and transactions', async () => {
  await fc.assert(
    fc.asyncProperty(activities(30), courses, async (operations, course) => {
      const oneByOne = await logOf(operations);
      const otherwise = await logOf(operations, { ...course, settles: [] });
      expect(otherwise.facts).toEqual(oneByOne.facts);
      expect([oneByOne.live, otherwise.live]).toEqual([oneByOne.loaded, otherwise.loaded]);
    }),
    { numRuns: 35 },
  );
});

test('INV-LED-7: what the owner has in memory is what the log says, to the last bit', async () => {
  await fc.assert(
    fc.asyncProperty(activities(40), courses, async (operations, course) => {
      const { live, loaded } = await logOf(operations, course);
      expect(live).toBe(loaded);
    }),
    { numRuns: 30 },
  );
});
