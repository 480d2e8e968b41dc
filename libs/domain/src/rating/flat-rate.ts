import { formatDecimal, multiply, ONE, ratePer } from '@drawdown/kernel';
import type { UsageEvent } from '../events';
import { PriceFields } from './price-fields';
import type { PriceModel } from './price-model';

/** The quantity counted in `unit`: the single `quantity` with that unit, or the one named like it. */
const quantityIn = (usage: UsageEvent, unit: string): bigint | undefined => {
  if (usage.unit !== null) return usage.unit === unit ? usage.quantities[0]?.[1] : undefined;
  for (const [name, amount] of usage.quantities) if (name === unit) return amount;
  return undefined;
};

/** `flat_rate`: quantity × credits per unit. */
export const flatRate: PriceModel = {
  type: 'flat_rate',
  compile: (price) => {
    const fields = new PriceFields(price);
    const perUnit = fields.decimal('credits_per_unit');
    const unit = fields.text('unit');
    const faults = fields.done();
    if (faults.length > 0) return faults;
    const rate = ratePer(perUnit, ONE);
    return {
      price: (usage) => {
        const amount = quantityIn(usage, unit);
        if (amount !== undefined) return { numerator: amount * rate.numerator, denominator: rate.denominator };
        return {
          code: 'unit_mismatch',
          detail: `the rate is per ${unit}, the usage came in ${usage.unit ?? 'other quantities'}`,
        };
      },
      explain: (usage) => {
        const amount = quantityIn(usage, unit) ?? 0n;
        return [
          {
            quantity: formatDecimal(amount),
            of: unit,
            unitPrice: formatDecimal(perUnit),
            amount: multiply(amount as Parameters<typeof multiply>[0], rate),
          },
        ];
      },
    };
  },
};
