import { type DecimalFault, formatDecimal, ONE, parseDecimal, parseSum } from './decimal';

declare const unit: unique symbol;

/**
 * An amount of credits in whole parts of 10⁻⁹ credit (1 credit = `1_000_000_000n`); negative only for debt and for
 * signed adjustments. A bigint, because at this scale a `number` is exact only up to 9,007,199 credits.
 */
export type Credits = bigint & { readonly [unit]: 'credits' };

/** A measured amount of something used (tokens, hours, GB …), in whole parts of 10⁻⁹ of its unit; never negative. */
export type Quantity = bigint & { readonly [unit]: 'quantity' };

export const credits = (parts: bigint): Credits => parts as Credits;
export const quantity = (parts: bigint): Quantity => parts as Quantity;

export const NO_CREDITS = credits(0n);
export const ONE_CREDIT = credits(ONE);

/** Reads a signed amount of credits; see {@link parseDecimal} for what is refused. */
export const parseCredits = (text: string): Credits | DecimalFault => parseDecimal(text) as Credits | DecimalFault;

/** Reads a quantity; a sign is refused as `invalid_amount`. */
export const parseQuantity = (text: string): Quantity | DecimalFault => {
  const parts = parseDecimal(text);
  return typeof parts === 'bigint' && parts < 0n ? 'invalid_amount' : (parts as Quantity | DecimalFault);
};

/** The canonical text of an amount, a quantity or a rate. */
export const format = (parts: Credits | Quantity): string => formatDecimal(parts);

/** Reads an amount that the program itself wrote; anything else is a bug or a damaged log, so it throws. */
export const storedCredits = (text: string): Credits => stored(text, parseCredits(text));

/**
 * Reads what the program has added up of amounts (credits of a period, of a lifetime). Each amount is in range, their sum
 * need not be: whatever it is, it can be shown. Throws as {@link storedCredits} does.
 */
export const storedSum = (text: string): Credits => {
  const parts = parseSum(text);
  if (parts === undefined) throw new Error(`stored sum ${JSON.stringify(text)} is unreadable`);
  return credits(parts);
};

/** Reads a quantity that the program itself wrote; throws as {@link storedCredits} does. */
export const storedQuantity = (text: string): Quantity => stored(text, parseQuantity(text));

const stored = <Amount extends Credits | Quantity>(text: string, parts: Amount | DecimalFault): Amount => {
  if (typeof parts !== 'bigint') throw new Error(`stored amount ${JSON.stringify(text)} is unreadable: ${parts}`);
  return parts;
};

export const plus = (a: Credits, b: Credits): Credits => (a + b) as Credits;
export const minus = (a: Credits, b: Credits): Credits => (a - b) as Credits;
export const smaller = (a: Credits, b: Credits): Credits => (a < b ? a : b);
export const larger = (a: Credits, b: Credits): Credits => (a > b ? a : b);

/** Σ of the amounts. */
export const sum = (amounts: Iterable<Credits>): Credits => {
  let total = 0n;
  for (const amount of amounts) total += amount;
  return total as Credits;
};
