import type { LedgerEvent } from '@drawdown/domain';
import { effectsOf } from '@drawdown/domain/events';
import { chargeId, organizationNamespace } from '@drawdown/kernel';
import { pagesToEnd } from '@drawdown/ports';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import fc from 'fast-check';
import { openLedger, recorded, recordingStore, withOrganization } from './testing';
import { act, activities, courses, type Operation } from './testing/activity';

/** What an event says that it corrects. */
const correctedBy = (event: LedgerEvent): string | null => {
  if (event.type === 'ChargeRefunded') return event.data.chargeId;
  return event.type === 'GrantVoided' ? event.data.lotId : null;
};

/** The transactions and lots that an event makes. */
const madeBy = (event: LedgerEvent): readonly string[] => {
  switch (event.type) {
    case 'UsageCharged':
      return event.data.charges.map(({ usage }) =>
        chargeId(organizationNamespace(usage.organizationId), usage.source, usage.id),
      );
    case 'CreditsGranted':
      return [event.data.lot.lotId];
    case 'HoldCaptured':
      return effectsOf(event).bookings.map(({ transactionId }) => transactionId);
    default:
      return [];
  }
};

const CORRECTED: Operation[] = [
  { kind: 'grant', credits: 9, fromHours: 0, forHours: null },
  { kind: 'usage', name: 1, units: 4, service: 'llm_call' },
  { kind: 'refund', name: 1, credits: 1 },
  { kind: 'void', which: 0 },
  { kind: 'refund', name: 1, credits: null },
];

test('INV-LED-2: what was appended stands as it was, in its order, whatever comes after; a correction names what was there before it', async () => {
  const met = new Set<string>();
  await fc.assert(
    fc.asyncProperty(activities(40), courses, async (operations, course) => {
      const store = recordingStore(inMemoryEventStore());
      const world = await openLedger({ store });
      await withOrganization(world, { credits: '5' });
      await act(world, operations, course);
      const appended = store.appends.filter(({ stream }) => stream === 'ledger-0').map(({ content }) => content);
      const stands: unknown[] = [];
      for await (const page of pagesToEnd(store, 'ledger-0', 0)) {
        for (const { id, type, data, metadata } of page)
          stands.push({ id, type, data: Buffer.from(data).toString('utf8'), metadata });
      }
      expect(stands).toEqual(appended.flatMap((content) => JSON.parse(content) as unknown[]));
      const made = new Set<string>();
      for (const { event } of await recorded(store)) {
        const corrected = correctedBy(event);
        if (corrected !== null) {
          expect(made).toContain(corrected);
          met.add(event.type);
        }
        for (const one of madeBy(event)) made.add(one);
      }
    }),
    { numRuns: 25, examples: [[CORRECTED, { together: [false], restarts: [4], settles: [] }]] },
  );
  expect([...met].sort()).toEqual(['ChargeRefunded', 'GrantVoided']);
});
