import type { AccessDecision } from '@drawdown/domain';

/** What a decision about access says, in the words of the published contract; a code that has none here does not compile. */
export const ACCESS = {
  ok: 'the service may be used now',
  out_of_credits: 'less is available than is required',
  cap_reached: 'enough is there, but the consumption caps of its lots are used up for now',
  scope_mismatch: 'enough is there, but in lots whose scope does not admit this charge',
  suspended: 'the organization can be charged nothing for the moment',
  closed: 'the organization is closed',
  no_rate: 'the rate card has no price for this, or no wallet pays for it',
  no_rate_card: 'the organization has no rate card, or no version of it is effective',
  amount_out_of_range: 'the price is larger than any amount can be',
} as const satisfies Record<AccessDecision['code'], string>;

/** What may help where access is refused. */
export const NEXT_STEPS = {
  top_up: 'add credits',
  wait_for_reset: 'wait until `at`, when a consumption cap begins anew',
  contact_owner: 'credits would not help: whoever runs the organization or its rate card has to act',
} as const satisfies Record<AccessDecision['nextSteps'][number]['action'], string>;
