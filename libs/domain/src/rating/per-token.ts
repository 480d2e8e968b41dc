import { formatDecimal, type JsonObject, ONE, type Quantity, type Rate, ratePer } from '@drawdown/kernel';
import type { UsageEvent } from '../events';
import { PriceFields } from './price-fields';
import type { CompiledPrice, PriceFault, PriceLine, PriceModel, Unpriced } from './price-model';

/** Token classes that can have a price; the usage reports each as `<class>_tokens`. They are disjoint. */
export const TOKEN_CLASSES = [
  'input',
  'output',
  'cache_read',
  'cache_write',
  'cache_write_1h',
  'reasoning',
  'audio_input',
  'audio_output',
  'image_input',
  'image_output',
] as const;

/** Classes that are part of what was sent to the model: together they are the request's size. */
const REQUEST_CLASSES = ['input', 'cache_read', 'cache_write', 'cache_write_1h', 'audio_input', 'image_input'];
const REQUEST_QUANTITIES = new Set(REQUEST_CLASSES.map((name) => `${name}_tokens`));

/** Prices by quantity name, as numerators over one denominator, so that a charge adds whole numbers. */
interface PriceTable {
  readonly numerators: ReadonlyMap<string, bigint>;
  readonly denominator: bigint;
  readonly texts: ReadonlyMap<string, string>;
}

const greatestCommonDivisor = (a: bigint, b: bigint): bigint => (b === 0n ? a : greatestCommonDivisor(b, a % b));

const tableOf = (prices: ReadonlyMap<string, bigint>, per: bigint): PriceTable => {
  const rates = new Map<string, Rate>([...prices].map(([name, price]) => [name, ratePer(price, per)]));
  let denominator = 1n;
  for (const rate of rates.values()) {
    denominator = (denominator * rate.denominator) / greatestCommonDivisor(denominator, rate.denominator);
  }
  return {
    denominator,
    numerators: new Map([...rates].map(([name, rate]) => [name, rate.numerator * (denominator / rate.denominator)])),
    texts: new Map([...prices].map(([name, price]) => [name, `${formatDecimal(price)} per ${formatDecimal(per)}`])),
  };
};

const readPrices = (fields: PriceFields, price: JsonObject): Map<string, bigint> => {
  const prices = new Map<string, bigint>();
  for (const name of TOKEN_CLASSES) {
    if (Object.hasOwn(price, name)) prices.set(`${name}_tokens`, fields.decimal(name));
  }
  return prices;
};

/** Tiers of one price; more would be a mistake, and each is kept in memory. */
const SIZE_TIERS_MAX = 1_000;

interface SizeTier {
  readonly above: bigint;
  /** Made when a request of that size comes: a card may have some thousand tiers, and most are never used. */
  readonly table: () => PriceTable;
}

const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => (made ??= make());
};

/** Reads `by_request_size`: above so many input tokens, the prices given replace the ordinary ones for the whole request. */
const readTiers = (
  value: unknown,
  ordinary: ReadonlyMap<string, bigint>,
  per: bigint,
  faults: PriceFault[],
): SizeTier[] => {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    faults.push({ pointer: '/by_request_size', code: 'invalid_rate', detail: 'by_request_size must be a list' });
    return [];
  }
  if (value.length > SIZE_TIERS_MAX) {
    const detail = `at most ${String(SIZE_TIERS_MAX)} tiers`;
    faults.push({ pointer: '/by_request_size', code: 'invalid_rate', detail });
    return [];
  }
  const tiers = value.flatMap((tier: unknown, index): SizeTier[] => {
    const pointer = `/by_request_size/${String(index)}`;
    if (typeof tier !== 'object' || tier === null || Array.isArray(tier)) {
      faults.push({ pointer, code: 'invalid_rate', detail: 'each tier must be an object' });
      return [];
    }
    const fields = new PriceFields(tier as JsonObject);
    const above = fields.decimal('above_input_tokens');
    const own = readPrices(fields, tier as JsonObject);
    faults.push(...fields.done().map((fault) => ({ ...fault, pointer: pointer + fault.pointer })));
    return [{ above, table: once(() => tableOf(new Map([...ordinary, ...own]), per)) }];
  });
  if (new Set(tiers.map((tier) => tier.above)).size !== tiers.length) {
    faults.push({ pointer: '/by_request_size', code: 'invalid_rate', detail: 'two tiers begin at the same size' });
  }
  return tiers.sort((a, b) => (a.above < b.above ? 1 : -1));
};

const requestSize = (usage: UsageEvent): bigint => {
  let size = 0n;
  for (const [name, amount] of usage.quantities) if (REQUEST_QUANTITIES.has(name)) size += amount;
  return size;
};

const unpriced = (name: string): Unpriced => ({ code: 'no_rate', detail: `the rate has no price for ${name}` });

/** `per_token`: Σ class × price per `per` tokens, all classes over one denominator. A class in use without a price is never free. */
export const perToken: PriceModel = {
  type: 'per_token',
  compile: (price) => {
    const fields = new PriceFields(price);
    const per = fields.decimal('per', ONE);
    const prices = readPrices(fields, price);
    const sizes = fields.take('by_request_size');
    const faults = [...fields.done()];
    if (per === 0n && !faults.some((fault) => fault.pointer === '/per')) {
      faults.push({ pointer: '/per', code: 'invalid_rate', detail: 'per must be more than 0' });
    }
    if (prices.size === 0) faults.push({ pointer: '', code: 'invalid_rate', detail: 'no token class has a price' });
    const divisor = per === 0n ? ONE : per;
    const tiers = readTiers(sizes, prices, divisor, faults);
    return faults.length > 0 ? faults : compiled(tableOf(prices, divisor), tiers);
  },
};

const compiled = (ordinary: PriceTable, tiers: readonly SizeTier[]): CompiledPrice => {
  const tableFor = (usage: UsageEvent): PriceTable => {
    if (tiers.length === 0) return ordinary;
    const size = requestSize(usage);
    return tiers.find((tier) => size > tier.above)?.table() ?? ordinary;
  };
  return {
    price: (usage) => {
      if (usage.unit !== null) {
        return { code: 'unit_mismatch', detail: `the rate is per token, the usage came in ${usage.unit}` };
      }
      const { numerators, denominator } = tableFor(usage);
      let numerator = 0n;
      for (const [name, amount] of usage.quantities) {
        if (amount === 0n) continue;
        const price = numerators.get(name);
        if (price === undefined) return unpriced(name);
        numerator += amount * price;
      }
      return { numerator, denominator };
    },
    explain: (usage) => {
      const { numerators, denominator, texts } = tableFor(usage);
      return usage.quantities.map(([name, amount]: readonly [string, Quantity]): PriceLine => ({
        quantity: formatDecimal(amount),
        of: name,
        unitPrice: texts.get(name) ?? '0',
        amount: { numerator: amount * (numerators.get(name) ?? 0n), denominator },
      }));
    },
  };
};
