import {
  CompiledCard,
  createdOrganization,
  decide,
  evolve,
  evolveRateCard,
  type Organization,
  type RateCard,
  SHIPPED_PRESETS,
} from '@drawdown/domain';
import { credits, type Instant, ONE, parseInstant } from '@drawdown/kernel';
import { RATES } from './usage-sample';

export const instant = (text: string): Instant => {
  const parsed = parseInstant(text);
  if (parsed === undefined) throw new Error(`${text} is no instant`);
  return parsed;
};

/** The time of everything that needs none of its own. */
export const NOW = instant('2026-05-01T00:00:00Z');

/** The bench's rate card, in force since long before. */
export const benchCard = (): CompiledCard => {
  const key = 'bench';
  let card: RateCard = evolveRateCard(undefined, {
    type: 'RateCardCreated',
    data: { key, name: key, unit: 'credit', organizationId: null },
  });
  const rounding = { scale: 9, mode: 'half_up' } as const;
  card = evolveRateCard(card, {
    type: 'RateCardVersionSaved',
    data: { key, version: 1, rates: RATES, rounding, effectiveFrom: null },
  });
  card = evolveRateCard(card, {
    type: 'RateCardVersionActivated',
    data: { key, version: 1, effectiveFrom: instant('2026-01-01T00:00:00Z'), closesVersion: null },
  });
  return new CompiledCard(card);
};

/** An organization with so many lots of a million credits each. */
export const benchOrganization = (id: string, lots: number): Organization => {
  const [preset] = SHIPPED_PRESETS;
  if (preset === undefined) throw new Error('no preset is shipped');
  const { key, version, plans, modelTiers, wallets } = preset;
  const data = {
    name: id,
    preset: key,
    presetVersion: version,
    plan: plans[0] ?? '',
    testClock: null,
    modelTiers,
    wallets,
  };
  const organization = createdOrganization(id, { type: 'OrganizationCreated', data }, NOW);
  for (let lot = 0; lot < lots; lot++) {
    const granted = decide(
      organization,
      {
        type: 'GrantCredits',
        wallet: 'credits',
        creditType: 'purchased',
        amount: credits(1_000_000n * ONE),
        priority: lot,
        effectiveAt: null,
        expiresAt: null,
        scope: null,
        cap: null,
        costBasis: null,
        reason: 'bench',
      },
      { now: NOW, commandId: `${id}-${String(lot)}` },
    );
    if (!granted.accepted) throw new Error('the grant was refused');
    for (const fact of granted.events) evolve(organization, fact, NOW);
  }
  return organization;
};
