/**
 * Exact decimals: every amount, quantity and rate is a whole number of 10⁻⁹ parts held in a bigint, and a decimal text
 * on every wire. `number` never takes part (INV-AMT-1).
 */

/** Digits after the decimal point that an amount, a quantity or a rate may have. */
export const SCALE = 9;

/** One whole unit in parts of 10⁻⁹. */
export const ONE = 1_000_000_000n;

/** The largest magnitude an amount may have: 9·10¹⁷ units (api.md, Conventions). */
export const LARGEST = 900_000_000_000_000_000n * ONE;

/** Why a text is no decimal, as the code an API answer carries. */
export type DecimalFault = 'invalid_amount' | 'amount_too_precise' | 'amount_out_of_range';

/** Longest text worth looking at: sign, 18 whole digits, point, and far too many decimals. */
const LONGEST_TEXT = 64;

const DECIMAL = /^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?$/;

/** Digits of which a group is still a small whole number to the engine (below 2³⁰). */
const GROUP = 9;
const ZERO = 48;
const NINE = 57;
const POINT = 46;
/** What a group of so many digits is multiplied by to have nine. */
const FILLED = Array.from({ length: SCALE + 1 }, (_, digits) => 10 ** (SCALE - digits));

/**
 * The usual spellings, at a third of what the expression costs: at most nine digits, then perhaps a point and one to
 * nine more. Undefined for every other text. Only the digits of a group are gathered in a `number`, a whole one below
 * 10⁹; the amount is made of bigints.
 */
const parseShort = (text: string): bigint | undefined => {
  const { length } = text;
  let at = 0;
  let whole = 0;
  for (; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code < ZERO || code > NINE) break;
    if (at === GROUP) return undefined;
    whole = whole * 10 + (code - ZERO);
  }
  if (at === 0 || (at > 1 && text.charCodeAt(0) === ZERO)) return undefined;
  if (at === length) return BigInt(whole) * ONE;
  const digits = length - at - 1;
  if (text.charCodeAt(at) !== POINT || digits < 1 || digits > SCALE) return undefined;
  let fraction = 0;
  for (at++; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code < ZERO || code > NINE) return undefined;
    fraction = fraction * 10 + (code - ZERO);
  }
  const parts = BigInt(fraction * (FILLED[digits] ?? 1));
  return whole === 0 ? parts : BigInt(whole) * ONE + parts;
};

/**
 * Reads a decimal text into parts of 10⁻⁹, or says why it is none. Accepts exactly one spelling of a sign (`-`), no
 * exponent, no leading zero, no bare point; `"1.50"` is read as 1.5. `"-0"` is refused as `invalid_amount`.
 */
export const parseDecimal = (text: string): bigint | DecimalFault => {
  const short = parseShort(text);
  if (short !== undefined) return short;
  if (text.length > LONGEST_TEXT && !DECIMAL.test(text)) return 'invalid_amount';
  const match = DECIMAL.exec(text);
  if (match === null) return 'invalid_amount';
  const [, sign, whole = '0', fraction = ''] = match;
  if (fraction.length > SCALE) return 'amount_too_precise';
  if (whole.length > 18) return 'amount_out_of_range';
  const parts = signed(sign, whole, fraction);
  if (sign === '-' && parts === 0n) return 'invalid_amount';
  return isInRange(parts) ? parts : 'amount_out_of_range';
};

const signed = (sign: string | undefined, whole: string, fraction: string): bigint => {
  const magnitude = BigInt(whole) * ONE + BigInt(fraction.padEnd(SCALE, '0'));
  return sign === '-' ? -magnitude : magnitude;
};

/** Reads a sum that the program itself wrote: {@link formatDecimal}'s text, of any size. Undefined where it is none. */
export const parseSum = (text: string): bigint | undefined => {
  const short = parseShort(text);
  if (short !== undefined) return short;
  const [, sign, whole = '', fraction = ''] = DECIMAL.exec(text) ?? [];
  return sign === undefined || fraction.length > SCALE ? undefined : signed(sign, whole, fraction);
};

/** The one text of a value (INV-AMT-2): no exponent, no `+`, no `-0`, no trailing zero, no needless leading zero. */
export const formatDecimal = (parts: bigint): string => {
  const magnitude = parts < 0n ? -parts : parts;
  const whole = magnitude / ONE;
  const rest = magnitude - whole * ONE;
  const sign = parts < 0n ? '-' : '';
  if (rest === 0n) return sign + whole.toString();
  let fraction = rest.toString().padStart(SCALE, '0');
  let end = SCALE;
  while (fraction.charCodeAt(end - 1) === 48) end--;
  fraction = fraction.slice(0, end);
  return `${sign}${whole.toString()}.${fraction}`;
};

/** True where a value may be stored as an amount (INV-AMT-3). */
export const isInRange = (parts: bigint): boolean => parts <= LARGEST && parts >= -LARGEST;
