import { formatDecimal, type JsonObject } from '@drawdown/kernel';
import { divide, roundCharge } from '@drawdown/kernel';
import type { UsageEvent } from '../events';
import type { CompiledRate } from '../rating/compiled-card';
import { isUnpriced, type Unpriced } from '../rating/price-model';

/** A price with every step of its arithmetic, as it is shown: lines exact where they have nine decimals, else rounded down for show. */
export interface Explanation {
  readonly credits: bigint;
  readonly document: JsonObject;
}

const shown = ({ numerator, denominator }: { numerator: bigint; denominator: bigint }): string =>
  formatDecimal(divide(numerator, denominator, 'down'));

/** Prices a usage by a rate and shows how. */
export const explainPrice = (usage: UsageEvent, rate: CompiledRate): Explanation | Unpriced => {
  const exact = rate.price.price(usage);
  if (isUnpriced(exact)) return exact;
  const price = roundCharge(exact, rate.rounding);
  return {
    credits: price,
    document: {
      credits: formatDecimal(price),
      quantities: Object.fromEntries(usage.quantities.map(([name, amount]) => [name, formatDecimal(amount)])),
      unit: usage.unit,
      rate: rate.saved as unknown as JsonObject,
      rate_card: rate.applied.card,
      rate_card_version: rate.applied.version,
      lines: rate.price.explain(usage).map((line) => ({
        rate: line.of,
        quantity: line.quantity,
        unit_price: line.unitPrice,
        amount: shown(line.amount),
        steps: [`${line.quantity} × ${line.unitPrice} = ${shown(line.amount)}`],
      })),
      unrounded: `${exact.numerator.toString()}/${exact.denominator.toString()} × 10⁻⁹`,
      rounding: { ...rate.rounding },
    },
  };
};
