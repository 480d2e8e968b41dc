import type { ExactCredits, JsonObject } from '@drawdown/kernel';
import type { QuarantineCode, UsageEvent } from '../events';

/** A quantity and its rate: one line of a charge's arithmetic. */
export interface PriceLine {
  readonly quantity: string;
  /** The quantity's name or unit. */
  readonly of: string;
  /** Credits per unit, as decimal text with what it is per: `"0.5 per 1000"`. */
  readonly unitPrice: string;
  readonly amount: ExactCredits;
}

/** Why usage has no price under a rate. It is quarantined, never guessed. */
export interface Unpriced {
  readonly code: QuarantineCode;
  readonly detail: string;
}

/** A price object made ready: `price` is on the hot path and does as little as it can, `explain` shows every step. */
export interface CompiledPrice {
  /** The exact price, before rounding. */
  readonly price: (usage: UsageEvent) => ExactCredits | Unpriced;
  readonly explain: (usage: UsageEvent) => readonly PriceLine[];
}

/** Where a price object is wrong; the pointer is relative to it. */
export interface PriceFault {
  readonly pointer: string;
  readonly code:
    | 'invalid_rate'
    | 'invalid_amount'
    | 'amount_must_be_string'
    | 'amount_too_precise'
    | 'amount_out_of_range'
    | 'unknown_field'
    | 'missing_field'
    | 'invalid_value';
  readonly detail: string;
}

/** One rate model (spec.md §2.3): how its price object is checked and what it means. */
export interface PriceModel {
  readonly type: string;
  readonly compile: (price: JsonObject) => CompiledPrice | readonly PriceFault[];
}

export const isUnpriced = (priced: ExactCredits | Unpriced): priced is Unpriced => 'code' in priced;

export const NOTHING: ExactCredits = { numerator: 0n, denominator: 1n };
