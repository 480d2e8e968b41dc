import { CALLER_ID, parseDecimal, parseInstant, USER_ID, USER_ID_FORM } from '@drawdown/kernel';
import type { ProblemCode } from '../problems/codes';
import { type Fault, field, type FieldOptions, isObject, nested, type Shape } from './field';

/** Longest free text; see bad-input rule 5. */
export const TEXT_MAX = 200;
const QUANTITIES_MAX = 64;
const DIMENSIONS_MAX = 32;
const LIST_MAX = 1000;

/** Names of quantities and dimensions. */
const KEY = /^[a-z][a-z0-9_]{0,62}$/;
/** Names of service types, resource types and credit types. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const UNIT = /^[^\u0000-\u0020\u007f\p{Surrogate}]{1,63}$/u;
// Control characters of ASCII and Latin 1, and halves of pairs, which UTF-8 cannot carry. What merely looks odd is text.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u;

const fault = (code: ProblemCode, detail: string): Fault => ({ code, detail });
const textDue = fault('invalid_type', 'a text is due here');

type Check = (value: unknown) => Fault | null;

const amountCheck =
  (signed: boolean): Check =>
  (value) => {
    if (typeof value === 'number') {
      return fault('amount_must_be_string', 'amounts are decimal texts, like "12.5"; a JSON number is not exact');
    }
    if (typeof value !== 'string') return fault('invalid_type', 'an amount is due here: a decimal text');
    const parts = parseDecimal(value);
    if (parts === 'amount_out_of_range') return fault(parts, 'amounts lie within ±9·10¹⁷');
    if (parts === 'amount_too_precise') return fault(parts, 'at most 9 decimals');
    if (parts === 'invalid_amount' || (!signed && parts < 0n)) {
      const form = signed ? 'with or without a leading minus' : 'without a sign';
      return fault('invalid_amount', `an amount is a plain decimal ${form}, like "12.5"`);
    }
    return null;
  };

/** A text that a rule accepts. */
export const matching =
  (accepts: (text: string) => boolean, code: ProblemCode, detail: string): Check =>
  (value) =>
    typeof value !== 'string' ? textDue : accepts(value) ? null : fault(code, detail);

const textCheck = (least: number): Check =>
  matching(
    // A character is one or two units of a string: what is far too long is not taken apart to be counted.
    (text) =>
      text.length >= least && text.length <= 2 * TEXT_MAX && [...text].length <= TEXT_MAX && !CONTROL.test(text),
    'invalid_value',
    `${String(least)} to ${String(TEXT_MAX)} characters, no control characters`,
  );

/** A decimal text; `signed` where it may be negative. */
export const IsAmount = ({ signed = false, ...options }: FieldOptions & { signed?: boolean } = {}): PropertyDecorator =>
  field(
    amountCheck(signed),
    { type: 'string', example: '12.5', pattern: `^${signed ? '-?' : ''}[0-9]+([.][0-9]{1,9})?$` },
    options,
  );

/** An RFC 3339 time with a zone. */
export const IsInstant = (options?: FieldOptions): PropertyDecorator =>
  field(
    matching(
      (text) => parseInstant(text) !== undefined,
      'invalid_timestamp',
      'an RFC 3339 time with a zone and at most 9 decimals is due here',
    ),
    { type: 'string', format: 'date-time' },
    options,
  );

/** An id that callers choose, or one that was given to them. */
export const IsCallerId = (options?: FieldOptions): PropertyDecorator =>
  field(
    matching((text) => CALLER_ID.test(text), 'invalid_id', '1 to 128 of A-Z a-z 0-9 . _ : -'),
    { type: 'string', pattern: CALLER_ID.source },
    options,
  );

/** The id of a person, as issuers give them. */
export const IsUserId = (options?: FieldOptions): PropertyDecorator =>
  field(
    matching((text) => USER_ID.test(text), 'invalid_id', USER_ID_FORM),
    { type: 'string', pattern: USER_ID.source },
    options,
  );

/** The name of a service type, a resource type or a credit type. */
export const IsName = (options?: FieldOptions): PropertyDecorator =>
  field(
    matching((text) => NAME.test(text), 'invalid_name', 'names are 1 to 128 of A-Z a-z 0-9 . _ : -'),
    { type: 'string', pattern: NAME.source },
    options,
  );

export const IsUnit = (options?: FieldOptions): PropertyDecorator =>
  field(
    matching((text) => UNIT.test(text), 'invalid_value', '1 to 63 characters without spaces'),
    { type: 'string', maxLength: 63 },
    options,
  );

/** An ISO 4217 code. */
export const IsCurrency = (options?: FieldOptions): PropertyDecorator =>
  field(
    matching((text) => /^[A-Z]{3}$/.test(text), 'invalid_value', 'a currency is three capital letters, like USD'),
    { type: 'string', pattern: '^[A-Z]{3}$' },
    options,
  );

/** Free text; `blank` where it may be empty here because a rule looks at it later. */
export const IsText = ({ blank = false, ...options }: FieldOptions & { blank?: boolean } = {}): PropertyDecorator =>
  field(textCheck(blank ? 0 : 1), { type: 'string', maxLength: TEXT_MAX }, options);

export const IsOneOf = (values: readonly string[], options?: FieldOptions): PropertyDecorator =>
  field(
    matching((text) => values.includes(text), 'invalid_value', `one of: ${values.join(', ')}`),
    { type: 'string', enum: [...values] },
    options,
  );

export const IsFlag = (options?: FieldOptions): PropertyDecorator =>
  field(
    (value) => (typeof value === 'boolean' ? null : fault('invalid_type', 'true or false is due here')),
    { type: 'boolean' },
    options,
  );

/** A whole JSON number, both ends included. Never an amount. */
export const IsWhole = (least: number, most: number, options?: FieldOptions): PropertyDecorator =>
  field(
    (value) => {
      if (typeof value !== 'number') return fault('invalid_type', 'a whole number is due here');
      if (Number.isInteger(value) && value >= least && value <= most) return null;
      return fault('invalid_value', `a whole number from ${String(least)} to ${String(most)}`);
    },
    { type: 'integer', minimum: least, maximum: most },
    options,
  );

/** A list of texts, each as `IsText`; with `values` each one of those. */
export const IsTexts = ({
  values,
  ...options
}: FieldOptions & { values?: readonly string[] } = {}): PropertyDecorator => {
  const each = textCheck(1);
  const check: Check = (value) => {
    if (!Array.isArray(value)) return fault('invalid_type', 'a list is due here');
    if (value.length === 0 || value.length > LIST_MAX) return fault('invalid_value', `1 to ${String(LIST_MAX)} items`);
    for (const item of value as readonly unknown[]) {
      const wrong = each(item);
      if (wrong !== null) return wrong;
      if (values !== undefined && !values.includes(String(item)))
        return fault('invalid_value', `each one of: ${values.join(', ')}`);
    }
    return null;
  };
  const items = values === undefined ? { type: 'string' } : { type: 'string', enum: [...values] };
  return field(check, { type: 'array', items } as Parameters<typeof field>[1], options);
};

interface NamedValues {
  readonly least: number;
  readonly most: number;
  /** What the values are, and what they are called together. */
  readonly of: string;
  readonly called: string;
}

/** An object of values by name, each as `each` has it. */
const byName = (each: Check, due: NamedValues, options?: FieldOptions): PropertyDecorator => {
  const { least, most, of, called } = due;
  const check: Check = (value) => {
    if (!isObject(value)) return fault('invalid_type', `an object of ${of} by name is due here`);
    const names = Object.keys(value);
    if (names.length < least) return fault('missing_field', `at least ${String(least)} of ${called}`);
    if (names.length > most) return fault('too_many_keys', `at most ${String(most)} ${called}`);
    for (const name of names) {
      if (!KEY.test(name)) return fault('invalid_name', 'names are [a-z][a-z0-9_]{0,62}');
      const wrong = each(value[name]);
      if (wrong !== null) return wrong;
    }
    return null;
  };
  const schema = { type: 'object', additionalProperties: { type: 'string' } } as Parameters<typeof field>[1];
  return field(check, schema, options);
};

/** Amounts by name, at least one. */
export const IsQuantities = (options?: FieldOptions): PropertyDecorator =>
  byName(amountCheck(false), { least: 1, most: QUANTITIES_MAX, of: 'amounts', called: 'quantities' }, options);

/** Texts by name. */
export const IsDimensions = (options?: FieldOptions): PropertyDecorator =>
  byName(textCheck(1), { least: 0, most: DIMENSIONS_MAX, of: 'texts', called: 'dimensions' }, options);

/** JSON that a rule reads itself: an object. */
export const IsJsonObject = (options?: FieldOptions): PropertyDecorator =>
  field(
    (value) => (isObject(value) ? null : fault('invalid_type', 'an object is due here')),
    { type: 'object', additionalProperties: true } as Parameters<typeof field>[1],
    options,
  );

/** An object of another shape. */
export const IsA = (shape: () => Shape, options?: FieldOptions): PropertyDecorator => nested(shape, options);

/** A list of one to `most` objects of another shape. */
export const IsListOf = (shape: () => Shape, most: number, options?: FieldOptions): PropertyDecorator =>
  nested(shape, { ...options, most });
