import { accept } from '@drawdown/kernel';
import type { CommandRule } from '../wallet/commands';

/** Says which rate card prices the organization's usage from now on. That the card exists is checked by the caller. */
export const assignRateCard: CommandRule<'AssignRateCard'> = {
  decide: (organization, { rateCard }) =>
    organization.rateCard === rateCard
      ? accept()
      : accept({ type: 'RateCardAssigned', data: { rateCard, previous: organization.rateCard } }),
  answer: (organization) => ({ key: organization.rateCard }),
};
