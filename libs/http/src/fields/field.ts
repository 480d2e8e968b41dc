import { applyDecorators } from '@nestjs/common';
import { ApiProperty, type ApiPropertyOptions } from '@nestjs/swagger';
import { IsOptional, ValidateBy, ValidateNested } from 'class-validator';
import { isProblemCode, type ProblemCode } from '../problems/codes';

/** Why a value is not accepted. */
export interface Fault {
  readonly code: ProblemCode;
  readonly detail: string;
}

/** A class of bodies or queries whose properties carry the decorators of fields.ts. */
export type Shape<T extends object = object> = new () => T;

interface FieldInfo {
  readonly optional: boolean;
  /** The shape of the objects within, where there are any. */
  readonly within: (() => Shape) | null;
  /** How many of them it may hold where it is a list; null where it is one. */
  readonly most: number | null;
}

const FIELDS = new WeakMap<object, Map<string, FieldInfo>>();
const INHERITED = new WeakMap<Shape, ReadonlyMap<string, FieldInfo>>();

/** The declared fields of a shape, those of the shapes that it extends included. */
export const fieldsOf = (shape: Shape): ReadonlyMap<string, FieldInfo> => {
  const known = INHERITED.get(shape);
  if (known !== undefined) return known;
  const all = new Map<string, FieldInfo>();
  INHERITED.set(shape, all);
  let prototype = shape.prototype as object | null;
  while (prototype !== null) {
    for (const [name, info] of FIELDS.get(prototype) ?? []) all.set(name, info);
    prototype = Object.getPrototypeOf(prototype) as object | null;
  }
  return all;
};

const remember =
  (info: FieldInfo): PropertyDecorator =>
  (prototype, name) => {
    const fields = FIELDS.get(prototype) ?? new Map<string, FieldInfo>();
    FIELDS.set(prototype, fields.set(String(name), info));
  };

export interface FieldOptions {
  /** May be left out, or be null, which means the same. */
  readonly optional?: boolean;
  readonly description?: string;
}

const MISSING: Fault = { code: 'missing_field', detail: 'this field is missing' };

/**
 * Declares a field: class-validator gets the check, the OpenAPI document the schema. The constraint's message carries
 * the fault's code in front, because class-validator knows no codes; {@link faultOf} takes it apart.
 */
export const field = (
  check: (value: unknown) => Fault | null,
  schema: ApiPropertyOptions,
  { optional = false, description }: FieldOptions = {},
): PropertyDecorator => {
  const faultIn = (value: unknown): Fault | null => (value === undefined ? MISSING : check(value));
  const decorators = [
    ...(optional ? [IsOptional()] : []),
    ValidateBy({
      name: 'field',
      validator: {
        validate: (value: unknown) => faultIn(value) === null,
        defaultMessage: (met) => {
          const fault = faultIn(met?.value);
          return fault === null ? '' : `${fault.code}: ${fault.detail}`;
        },
      },
    }),
    documented(schema, optional, description),
    remember({ optional, within: null, most: null }),
  ];
  return applyDecorators(...decorators);
};

const documented = (
  schema: ApiPropertyOptions,
  optional: boolean,
  description: string | undefined,
): PropertyDecorator =>
  ApiProperty({
    ...schema,
    required: !optional,
    ...(optional ? { nullable: true } : {}),
    ...(description === undefined ? {} : { description }),
  } as ApiPropertyOptions);

/** A field that holds an object of another shape, or with `most` a list of one to so many of them. */
export const nested = (
  within: () => Shape,
  { most, ...options }: FieldOptions & { readonly most?: number } = {},
): PropertyDecorator => {
  const check = most === undefined ? objectDue : listDue(most);
  return applyDecorators(
    // Swagger calls functions of exactly this name, late enough for every class to be there.
    field(check, { type: () => (most === undefined ? within() : [within()]) } as ApiPropertyOptions, options),
    ValidateNested({ message: '' }),
    remember({ optional: options.optional === true, within, most: most ?? null }),
  );
};

const objectDue = (value: unknown): Fault | null =>
  isObject(value) ? null : { code: 'invalid_type', detail: 'an object is due here' };

const listDue =
  (most: number) =>
  (value: unknown): Fault | null => {
    if (!Array.isArray(value)) return { code: 'invalid_type', detail: 'a list is due here' };
    if (value.length === 0) return { code: 'invalid_value', detail: 'the list is empty' };
    if (value.length > most) return { code: 'too_many_items', detail: `at most ${String(most)} items` };
    const wrong = value.findIndex((item) => !isObject(item));
    return wrong === -1 ? null : { code: 'invalid_type', detail: `item ${String(wrong)} is no object` };
  };

/** A constraint's message as {@link field} wrote it; `undefined` for class-validator's own ones. */
export const faultOf = (message: string): Fault | undefined => {
  const [code = '', ...rest] = message.split(': ');
  return isProblemCode(code) ? { code, detail: rest.join(': ') } : undefined;
};

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
