import {
  type Credits,
  type Instant,
  parseCredits,
  parseInstant,
  parsePosition,
  parseQuantity,
  type Position,
  type Quantity,
} from '@drawdown/kernel';

/** Text that a shape has checked already, as what it stands for; anything else is a bug, so it throws. */
const checked = <T>(value: T | string | undefined, text: string): T => {
  if (value === undefined || typeof value === 'string') throw new Error(`${JSON.stringify(text)} was not checked`);
  return value;
};

export const creditsOf = (text: string): Credits => checked<Credits>(parseCredits(text), text);
export const quantityOf = (text: string): Quantity => checked<Quantity>(parseQuantity(text), text);
export const positionFrom = (text: string): Position => checked<Position>(parsePosition(text), text);
export const instantOf = (text: string): Instant => {
  const instant = parseInstant(text);
  if (instant === undefined) throw new Error(`${JSON.stringify(text)} was not checked`);
  return instant;
};

/** Applies a reader to what may be left out. */
export const optional = <T, R>(value: T | null | undefined, read: (value: T) => R): R | null =>
  value === null || value === undefined ? null : read(value);
