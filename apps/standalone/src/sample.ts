import { type OrganizationCommand, SYSTEM } from '@drawdown/domain';
import { credits, ONE, parseInstant } from '@drawdown/kernel';
import type { Parts } from './parts';

/** The organization that a new installation starts with, so that the first request has something to charge. */
export const SAMPLE_ORGANIZATION = 'acme';
const SAMPLE_CARD = 'sample';

const SENDER = { actor: SYSTEM, requestId: 'first-start' };

const PER_MILLION = {
  type: 'per_token',
  per: '1000000',
  input: '300',
  output: '1500',
  cache_read: '30',
  cache_write: '375',
};
const RATES = [
  { service_type: 'llm_call', price: { ...PER_MILLION, reasoning: '1500' } },
  { service_type: 'compute', price: { type: 'flat_rate', credits_per_unit: '2', unit: 'hours' } },
];

/**
 * The sample organization with a rate card and a thousand credits, where there is none. Every step is done once: a
 * first start that broke off is finished by the next one, and the last step tells whether there was one.
 */
export const makeSample = async ({ ledger, catalogue }: Parts): Promise<void> => {
  const made = await ledger.read(SAMPLE_ORGANIZATION, null, ({ rateCard }) => rateCard);
  if (typeof made?.value === 'string') return;
  const preset = catalogue.presets.get('enterprise');
  const since = parseInstant('2020-01-01T00:00:00Z');
  if (preset === undefined || since === undefined) throw new Error('the sample needs the preset enterprise');
  const run = (step: string, command: OrganizationCommand) =>
    ledger.run(SAMPLE_ORGANIZATION, command, SENDER, { key: `first-start ${step}`, hash: step });
  await run('organization', { type: 'CreateOrganization', name: 'Acme (sample)', preset, plan: null, testClock: null });
  await run('grant', {
    type: 'GrantCredits',
    wallet: 'credits',
    creditType: 'purchased',
    amount: credits(1_000n * ONE),
    priority: null,
    effectiveAt: null,
    expiresAt: null,
    scope: null,
    cap: null,
    costBasis: null,
    reason: 'sample',
  });
  if (catalogue.rateCards.get(SAMPLE_CARD) === undefined) {
    await catalogue.rateCards.create(
      { key: SAMPLE_CARD, name: 'Sample prices', unit: 'credit', organizationId: null },
      SENDER,
    );
  }
  if (catalogue.rateCards.get(SAMPLE_CARD)?.versions.length === 0) {
    await catalogue.rateCards.saveVersion(SAMPLE_CARD, { rates: RATES, rounding: null, effectiveFrom: null }, SENDER);
  }
  if (catalogue.rateCards.get(SAMPLE_CARD)?.versions[0]?.state === 'draft') {
    await catalogue.rateCards.activateVersion(SAMPLE_CARD, 1, since, SENDER);
  }
  await run('card', { type: 'AssignRateCard', rateCard: SAMPLE_CARD });
};
