import { ACCEPTED_AGE_DAYS, NOT_TAKEN, type QuarantineCode, REJECTIONS, type UsageRefusedCode } from '@drawdown/domain';

/** Why usage was kept uncharged, in the words of the published contract; a code that has none here does not compile. */
export const QUARANTINED = {
  no_meter: 'no meter selects the type of the event',
  no_rate: 'the rate card has no rate, or no price, for this usage, or no wallet pays for it',
  no_rate_card: 'the organization has no rate card, or no version of it is effective at the event time',
  unit_mismatch: 'the usage was measured in another unit than the rate charges by',
  missing_cost: 'not in this release: the rate charges by the cost of the provider, and the event has none',
  currency_mismatch: 'the wallet is in another currency or unit than the rate card prices in',
  inconsistent_usage: 'not in this release: the quantities of the event contradict each other',
  unknown_provider: 'nothing reads the usage object of this provider',
  amount_out_of_range: 'the price, or the balance after it, is larger than any amount can be',
  formula_error: 'not in this release: the formula of the rate cannot be computed for this usage',
  formula_result_invalid: 'not in this release: the formula of the rate gives what is no price',
  event_too_old: `the event time lies more than ${String(ACCEPTED_AGE_DAYS)} days back`,
  event_in_future: 'the event time lies further ahead of the time of the organization than is accepted',
  before_organization: 'the event time lies before the organization was created',
  invalid_parent: 'the parent of the charge would be itself',
} as const satisfies Record<QuarantineCode, string>;

/** Why an event of a request was not taken: nothing of it is kept. */
export const REJECTED = {
  ...REJECTIONS,
  ...NOT_TAKEN,
  event_id_conflict: 'the same source and id came before with other content; the first stands',
} as const;
export type RejectedCode = keyof typeof REJECTED;

/** Why an event of a request has no charge. */
export const UNCHARGED = {
  ...QUARANTINED,
  ...REJECTED,
  amount_out_of_range: `${REJECTIONS.amount_out_of_range}; if quarantined: ${QUARANTINED.amount_out_of_range}`,
  out_of_credits: 'less was available than it costs, and by policy or `enforce` nothing was drawn',
} as const satisfies Record<QuarantineCode | UsageRefusedCode | RejectedCode, string>;
