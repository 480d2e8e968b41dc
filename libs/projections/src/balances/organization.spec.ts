import { openTestDatabase } from '@drawdown/adapters/testing';
import {
  type AccessRequest,
  checkAccess,
  holdDocument,
  lotDocument,
  type Organization,
  organizationOf,
  organizationView,
  policyView,
} from '@drawdown/domain';
import {
  at,
  authorizeHold,
  captureHold,
  granted,
  later,
  operations,
  perform,
  presetOf,
  refundCharge,
  rules,
  START,
  TestLedger,
  used,
  voidGrant,
} from '@drawdown/domain/testing';
import { credits, type Instant, type JsonObject, ONE, positionOf } from '@drawdown/kernel';
import { inMemoryEventStore } from '@drawdown/ports/testing';
import * as fc from 'fast-check';
import { draftsOf, emptyDatabase, fileDatabase, happenings, inTime, projected, TestLog, TestWorld } from '../testing';
import { balances } from './projector';

const database = fileDatabase(openTestDatabase);

/** What reads may look at; the rest exists for commands alone. */
const seenOf = ({ lots, openHolds, wallets, ...organization }: Organization) => ({
  ...{ ...organization, refunded: null, lastBookedAt: null, holds: null },
  ...{ endingHolds: null, waitingLots: null, expiringLots: null },
  wallets: wallets.map(({ grants: _, debtPayments: __, ...wallet }) => ({
    ...wallet,
    live: wallet.live.map(({ id }) => id),
    usedUp: wallet.usedUp.map(({ id }) => id).sort(),
  })),
  // Over wallets their order means nothing: each wallet draws its own.
  lots: [...lots.values()].filter(({ remaining }) => remaining > 0n).sort((a, b) => (a.id < b.id ? -1 : 1)),
  openHolds: [...openHolds.values()].map(({ amount: _, slices: __, authorizedAt: ___, ...hold }) => hold),
});

const ASKED: readonly AccessRequest[] = ['llm_call', 'email', 'compute'].flatMap((serviceType) =>
  [0n, 1n, 40n, 400n].map((required) => ({
    ...{ serviceType, model: 'big', workspaceId: null, userId: 'u1' },
    estimate: required === 0n ? null : { credits: credits(required * ONE) },
  })),
);

/** Everything that is answered about an organization from memory. */
const shownOf = (organization: Organization, now: Instant): JsonObject => ({
  organization: organizationView(organization, now),
  policies: organization.wallets.map(policyView),
  lots: organization.wallets.map(({ live }) => live.map((lot) => lotDocument(lot, now))),
  holds: [...organization.openHolds.values()].map(holdDocument),
  access: ASKED.map((request) => {
    const { available, required, nextSteps, ...decision } = checkAccess(organization, undefined, request, now);
    const steps = nextSteps.map((step) => ({ ...step }));
    return { ...decision, available: String(available), required: String(required), steps };
  }),
});

test('the organization of the balance read model is the ledger’s own, and shows the same at any time (INV-TIM-3, INV-DEL-3)', async () => {
  await fc.assert(
    fc.asyncProperty(
      happenings(120),
      fc.nat(60),
      fc.integer({ min: 1, max: 30 }),
      inTime(40_000, async (history, days, weight) => {
        await emptyDatabase(database);
        const world = TestWorld.of(history);
        const store = inMemoryEventStore();
        await new TestLog(store).write(world.drafts);
        const { runner, models, level } = await projected(store, database, {
          batch: { events: 5, weight },
          projectors: [balances],
        });
        await level();
        for (const { organization } of world.ledgers) {
          const read = await models.organizationFigures({ organizationId: organization.id });
          if (read === undefined) throw new Error(`${organization.id} is not there`);
          expect(read.position).toEqual(positionOf(0, await store.head('ledger-0')));
          const turns = [...organization.lots.values()].flatMap((lot) => [lot.effectiveAt, lot.expiresAt ?? world.now]);
          const instants = turns.filter((turn) => turn >= world.now).sort();
          for (const now of [world.now, later(world.now, { days }), ...instants.slice(0, 2), ...instants.slice(-1)]) {
            const built = organizationOf(read.value);
            expect(seenOf(built)).toEqual(seenOf(organization));
            expect(shownOf(built, now)).toEqual(shownOf(organization, now));
          }
        }
        const ids = world.ledgers.map(({ organization }) => organization.id);
        const active = world.ledgers.filter(({ organization }) => organization.status === 'active');
        const expected = new Set(active.map(({ organization }) => organization.id));
        expect(await models.activeOrganizations([...ids, 'nobody'])).toEqual(expected);
        await runner.stop();
      }),
    ),
    { numRuns: 10 },
  );
}, 60_000);

/** What the balance read model has of an organization whose log it took in batches of so many events. */
const builtFrom = async (ledger: TestLedger, events: number): Promise<Organization> => {
  await emptyDatabase(database);
  const store = inMemoryEventStore();
  await new TestLog(store).write(draftsOf(ledger), 1);
  const batch = { events, weight: 10_000 };
  const { runner, models, level } = await projected(store, database, { batch, projectors: [balances] });
  await level();
  const read = await models.organizationFigures({ organizationId: ledger.organization.id });
  await runner.stop();
  if (read === undefined) throw new Error('the organization is not there');
  return organizationOf(read.value);
};
const usedUpIn = ({ wallets }: Organization): string[] =>
  wallets.flatMap(({ usedUp }) => usedUp.map(({ id }) => id)).sort();

describe('INV-DEL-3: lots that are used up since the last of their type began, whatever came in one batch', () => {
  test.each([1, 1_000])('that were revived and used up again after it (%d)', async (events) => {
    const ledger = new TestLedger({ id: 'org_0' });
    const use = (id: string, units: string) => used(units, { id, organizationId: 'org_0' });
    const granting = [granted('a', '10', { priority: 1 }), use('a', '10'), granted('b', '10', { priority: 1 })];
    for (const step of [...granting, use('b', '10'), refundCharge('a', '5'), use('again', '5')]) step(ledger);
    const [a, b] = ['a', 'b'].map((name) => ledger.idOf('lot', name));
    expect(usedUpIn(ledger.organization)).toEqual([a, b].sort());
    expect(usedUpIn(await builtFrom(ledger, events))).toEqual([a, b].sort());
    for (const step of [granted('c', '10', { effectiveAt: later(START, { days: 1 }) }), at(later(START, { days: 1 }))])
      step(ledger);
    expect(usedUpIn(ledger.organization)).toEqual([]);
    expect(usedUpIn(await builtFrom(ledger, events))).toEqual([]);
  });

  /** Live lots that were voided while they were held, which none of their amounts tells. */
  const restVoidedIn = ({ wallets }: Organization): string[] =>
    wallets.flatMap(({ live }) => live.flatMap(({ id, restVoided }) => (restVoided ? [id] : []))).sort();

  test.each([1, 1_000])(
    'INV-LOT-4: a lot that was voided while it was held stays so, whatever becomes of its parts (%d)',
    async (events) => {
      const ledger = new TestLedger({ id: 'org_0' });
      const holding = [granted('a', '10'), authorizeHold('h', '6'), authorizeHold('other', '4')];
      for (const step of [...holding, voidGrant('a'), captureHold('other', '2', { final: false })]) step(ledger);
      expect(restVoidedIn(ledger.organization)).toEqual([ledger.idOf('lot', 'a')]);
      expect(restVoidedIn(await builtFrom(ledger, events))).toEqual(restVoidedIn(ledger.organization));
    },
  );

  test('whatever happened', async () => {
    const met = { usedUp: 0 };
    await fc.assert(
      fc.asyncProperty(
        rules,
        fc.array(operations, { minLength: 40, maxLength: 120, size: 'max' }),
        inTime(40_000, async (chosen, all) => {
          const ledger = new TestLedger({ id: 'org_0', preset: presetOf(chosen) });
          for (const [n, operation] of all.entries()) perform(ledger, operation, n, chosen);
          const expected = usedUpIn(ledger.organization);
          met.usedUp += expected.length;
          for (const events of [1, 7, 1_000]) {
            const built = await builtFrom(ledger, events);
            expect(usedUpIn(built)).toEqual(expected);
            expect(restVoidedIn(built)).toEqual(restVoidedIn(ledger.organization));
          }
        }),
      ),
      { numRuns: 6 },
    );
    expect(met.usedUp).toBeGreaterThan(0);
  }, 60_000);
});

test('an organization that was never created is not there', async () => {
  await emptyDatabase(database);
  const { runner, models, level } = await projected(inMemoryEventStore(), database, { projectors: [balances] });
  await level();
  expect(await models.organizationFigures({ organizationId: 'nobody' })).toBeUndefined();
  expect(await models.activeOrganizations(['nobody'])).toEqual(new Set());
  await runner.stop();
});
