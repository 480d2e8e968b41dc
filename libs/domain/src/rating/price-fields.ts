import { type JsonObject, parseDecimal, pointerPart } from '@drawdown/kernel';
import type { PriceFault } from './price-model';

/** Reads the fields of a price object, gathering every fault on the way. */
export class PriceFields {
  readonly faults: PriceFault[] = [];
  private readonly seen = new Set<string>(['type']);

  constructor(private readonly price: JsonObject) {}

  /** A non-negative decimal of at most 9 decimals; `otherwise` where the field is absent. */
  decimal(name: string, otherwise?: bigint): bigint {
    this.seen.add(name);
    const value = Object.hasOwn(this.price, name) ? this.price[name] : undefined;
    if (value === undefined) {
      if (otherwise !== undefined) return otherwise;
      return this.fault(name, 'missing_field', `${name} is missing`);
    }
    if (typeof value !== 'string') {
      const isNumber = typeof value === 'number';
      return this.fault(
        name,
        isNumber ? 'amount_must_be_string' : 'invalid_rate',
        `${name} must be a decimal text, like "1.5"`,
      );
    }
    const parts = parseDecimal(value);
    if (typeof parts !== 'bigint') return this.fault(name, parts, `${name} is no decimal with at most 9 decimals`);
    return parts < 0n ? this.fault(name, 'invalid_rate', `${name} must not be negative`) : parts;
  }

  text(name: string): string {
    this.seen.add(name);
    const value = Object.hasOwn(this.price, name) ? this.price[name] : undefined;
    if (typeof value === 'string' && value.length > 0 && value.length <= 63) return value;
    this.fault(
      name,
      value === undefined ? 'missing_field' : 'invalid_value',
      `${name} must be a text of 1 to 63 characters`,
    );
    return '';
  }

  /** A field that its model reads itself. */
  take(name: string): unknown {
    this.seen.add(name);
    return Object.hasOwn(this.price, name) ? this.price[name] : undefined;
  }

  /** Every field that was not asked for is unknown. */
  done(): readonly PriceFault[] {
    for (const name of Object.keys(this.price)) {
      if (!this.seen.has(name)) this.fault(pointerPart(name), 'unknown_field', 'this field is not part of the price');
    }
    return this.faults;
  }

  fault(part: string, code: PriceFault['code'], detail: string): bigint {
    this.faults.push({ pointer: `/${part}`, code, detail });
    return 0n;
  }
}
