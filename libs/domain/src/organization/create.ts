import { accept, refuse } from '@drawdown/kernel';
import type { CommandRule, Refusal } from '../wallet/commands';
import { organizationView } from '../wallet/views';

/** Begins an organization with the wallets of its preset; later versions of the preset do not touch it. */
export const createOrganization: CommandRule<'CreateOrganization'> = {
  // Decided on an organization that does not exist yet: the ledger answers `already_exists` for one that does.
  decide: (_, { name, preset, plan, testClock }) => {
    if (plan !== null && !preset.plans.includes(plan)) {
      const detail = `the plans of ${preset.key} are: ${preset.plans.join(', ')}`;
      return refuse<Refusal>({ code: 'invalid_value', pointer: '/plan', detail });
    }
    return accept({
      type: 'OrganizationCreated',
      data: {
        name,
        preset: preset.key,
        presetVersion: preset.version,
        plan: plan ?? preset.plans[0] ?? '',
        testClock,
        modelTiers: preset.modelTiers,
        wallets: preset.wallets,
      },
    });
  },
  answer: (organization, _, __, { now }) => organizationView(organization, now),
};
