import type { UsageEvent } from '@drawdown/domain';
import { preset, START } from '@drawdown/domain/testing';
import { DAY_MICROS, identityOf, organizationNamespace } from '@drawdown/kernel';
import fc from 'fast-check';
import type { Place } from './identity-index';
import { createCard, type LedgerWorld, mustBeAccepted, openLedger, SENDER, used } from './testing';

const NAMES = Array.from({ length: 6 }, (_, name) => `u${String(name)}`);
/** One whose time is the machine's, and one of a test clock that stands still. */
const ORGANIZATIONS = ['acme', 'tested'] as const;

/** `assign` gives both organizations a card: until then their usage is quarantined, and can be driven again after. */
type Step =
  | { readonly kind: 'use' | 'redrive'; readonly of: (typeof ORGANIZATIONS)[number]; readonly name: string }
  | { readonly kind: 'pass'; readonly days: number }
  | { readonly kind: 'assign' };

const named = { of: fc.constantFrom(...ORGANIZATIONS), name: fc.constantFrom(...NAMES) };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('use' as const), ...named }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('redrive' as const), ...named }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('pass' as const), days: fc.integer({ min: 1, max: 40 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'assign' } as const) },
);

/** Driven again while it is known, forgotten later. */
const ALL_OF_IT: Step[] = [
  { kind: 'use', of: 'acme', name: 'u0' },
  { kind: 'assign' },
  { kind: 'redrive', of: 'acme', name: 'u0' },
  { kind: 'pass', days: 40 },
  { kind: 'use', of: 'acme', name: 'u1' },
  { kind: 'pass', days: 40 },
  { kind: 'use', of: 'acme', name: 'u1' },
];

const opened = async (): Promise<LedgerWorld> => {
  const world = await openLedger();
  await createCard(world);
  const clock = await world.catalogue.testClocks.create(START, SENDER);
  if (!clock.accepted) throw new Error('no clock');
  for (const of of ORGANIZATIONS) {
    const testClock = of === 'tested' ? clock.value.id : null;
    const create = { type: 'CreateOrganization', name: of, preset: preset(), plan: null, testClock } as const;
    await mustBeAccepted(world.run(create, { of }));
  }
  return world;
};

/** Does it, and says how often it charged usage that was quarantined before. */
const perform = async (world: LedgerWorld, taken: Step, sent: Map<string, UsageEvent>): Promise<number> => {
  let redriven = 0;
  if (taken.kind === 'pass') world.clock.advance(BigInt(taken.days) * DAY_MICROS);
  else if (taken.kind === 'assign') {
    for (const of of ORGANIZATIONS) await world.run({ type: 'AssignRateCard', rateCard: 'card' }, { of });
  } else {
    const { of, name } = taken;
    const known = sent.get(`${of} ${name}`);
    const time = of === 'tested' ? START : world.clock.now();
    const usage =
      taken.kind === 'redrive' && known !== undefined ? known : used(name, '1', { organizationId: of, time });
    if (taken.kind === 'redrive') {
      const { outcomes } = await world.ledger.redrive([usage], SENDER);
      redriven = outcomes.filter(({ outcome }) => outcome === 'charged' && known !== undefined).length;
    } else await world.charge(usage);
    sent.set(`${of} ${name}`, usage);
  }
  return redriven;
};

type LookUp = readonly [identity: string, places: readonly Place[]];
const lookUps = async (world: LedgerWorld): Promise<readonly LookUp[]> => {
  const { identities } = await world.state();
  return ORGANIZATIONS.flatMap((of) =>
    NAMES.map((name): LookUp => [
      `${of} ${name}`,
      identities.find(identityOf(organizationNamespace(of), 'tests', name)),
    ]),
  );
};

test('INV-INT-4: rebuilt from the log alone, the index answers every look-up as the one that went along', async () => {
  const met = { known: 0, forgotten: 0, redriven: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }), async (steps) => {
      const world = await opened();
      const sent = new Map<string, UsageEvent>();
      for (const taken of steps) met.redriven += await perform(world, taken, sent);
      const { store, clock } = world;
      const [live, rebuilt] = [await lookUps(world), await lookUps(await openLedger({ store, clock }))];
      expect(rebuilt).toEqual(live);
      met.known += live.filter(([, places]) => places.length > 0).length;
      met.forgotten += live.filter(([identity, places]) => sent.has(identity) && places.length === 0).length;
    }),
    { numRuns: 25, examples: [[ALL_OF_IT]] },
  );
  expect(Object.values(met).every((times) => times > 0)).toBe(true);
});
