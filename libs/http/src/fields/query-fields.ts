import { parseInstant, parsePosition } from '@drawdown/kernel';
import { field } from './field';
import { matching } from './fields';

export const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 500;

/** Rows of a page, as a query parameter. */
export const IsLimit = (): PropertyDecorator =>
  field(
    matching(
      (text) => /^[1-9][0-9]{0,2}$/.test(text) && Number(text) <= LIMIT_MAX,
      'invalid_limit',
      `a whole number from 1 to ${String(LIMIT_MAX)}`,
    ),
    { type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT },
    { optional: true },
  );

export const IsCursor = (): PropertyDecorator =>
  field(
    matching((text) => /^[\w.~:-]{1,512}$/.test(text), 'invalid_cursor', 'a cursor as a page answered it is due here'),
    { type: 'string' },
    { optional: true, description: 'next_cursor of the page before' },
  );

/** A position as an answer gave it. */
export const IsPosition = (description: string): PropertyDecorator =>
  field(
    matching(
      (text) => parsePosition(text) !== undefined,
      'invalid_position',
      'a position as an answer gave it is due here',
    ),
    { type: 'string' },
    { optional: true, description },
  );

/** A position or an instant. */
export const IsMoment = (description: string): PropertyDecorator =>
  field(
    matching(
      (text) => parsePosition(text) !== undefined || parseInstant(text) !== undefined,
      'invalid_position',
      'a position as an answer gave it, or an RFC 3339 time',
    ),
    { type: 'string' },
    { optional: true, description },
  );
