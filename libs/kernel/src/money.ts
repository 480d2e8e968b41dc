/** An amount of money: whole minor units (cents) and an ISO 4217 currency. Never mixed with {@link Credits}. */
export interface Money {
  readonly minor: bigint;
  readonly currency: string;
}

/** Why a text is no amount of that currency, as the code an API answer carries. */
export type MoneyFault = 'invalid_amount' | 'invalid_minor_units' | 'amount_out_of_range' | 'invalid_value';

/** ISO 4217 exponents that differ from 2 (list one of the standard's maintenance agency). */
const EXPONENTS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ...{ BIF: 0, CLP: 0, DJF: 0, GNF: 0, ISK: 0, JPY: 0, KMF: 0, KRW: 0, PYG: 0, RWF: 0, UGX: 0, UYI: 0 },
    ...{ VND: 0, VUV: 0, XAF: 0, XOF: 0, XPF: 0 },
    ...{ BHD: 3, IQD: 3, JOD: 3, KWD: 3, LYD: 3, OMR: 3, TND: 3, CLF: 4, UYW: 4 },
  }),
);

const CURRENCY = /^[A-Z]{3}$/;
const AMOUNT = /^(0|[1-9][0-9]{0,17})(?:\.([0-9]{1,18}))?$/;
const TOO_LARGE = /^[1-9][0-9]{18,}(?:\.[0-9]+)?$/;
const TOO_PRECISE = /^(?:0|[1-9][0-9]*)\.[0-9]{19,}$/;

export const exponentOf = (currency: string): number => EXPONENTS.get(currency) ?? 2;

/** Reads a non-negative decimal amount of a currency; more decimals than the currency has are `invalid_minor_units`. */
export const parseMoney = (text: string, currency: string): Money | MoneyFault => {
  if (!CURRENCY.test(currency)) return 'invalid_value';
  const match = AMOUNT.exec(text);
  if (match === null) {
    if (TOO_LARGE.test(text)) return 'amount_out_of_range';
    return TOO_PRECISE.test(text) ? 'invalid_minor_units' : 'invalid_amount';
  }
  const exponent = exponentOf(currency);
  const [, whole = '0', fraction = ''] = match;
  const kept = fraction.replace(/0+$/, '');
  if (kept.length > exponent) return 'invalid_minor_units';
  return { minor: BigInt(whole) * 10n ** BigInt(exponent) + BigInt(kept.padEnd(exponent, '0') || '0'), currency };
};

/** `12.5 USD` as `"12.50"`: always all decimals of the currency, as money is written. */
export const formatMoney = ({ minor, currency }: Money): string => {
  const exponent = exponentOf(currency);
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, '0');
  const sign = minor < 0n ? '-' : '';
  return exponent === 0 ? sign + digits : `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
};
