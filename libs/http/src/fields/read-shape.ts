import { validateSync, type ValidationError } from 'class-validator';
import type { ProblemCode } from '../problems/codes';
import { type Finding, finding, findings, quoted } from '../problems/problem';
import { faultOf, fieldsOf, isObject, type Shape } from './field';

const escaped = (name: string): string => name.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1');

/**
 * A parsed body as an instance of its shape, or the problem that lists everything wrong with it, in document order.
 * Own keys are compared with the declared ones before anything is copied: `__proto__` is an unknown field like any other.
 */
export const readShape = <T extends object>(shape: Shape<T>, json: unknown): T => {
  if (!isObject(json)) throw finding('invalid_type', '', 'the body must be an object');
  const found: Finding[] = [];
  const instance = instanceOf(shape, json, '', found);
  collect(validateSync(instance, { forbidUnknownValues: false }), '', found);
  if (found.length === 0) return instance;
  const place = placesOf(json);
  throw findings(found.sort((a, b) => place(a.pointer) - place(b.pointer)));
};

const instanceOf = <T extends object>(
  shape: Shape<T>,
  json: Record<string, unknown>,
  at: string,
  found: Finding[],
): T => {
  const fields = fieldsOf(shape);
  const instance = new shape();
  for (const name of Object.keys(json)) {
    const info = fields.get(name);
    const pointer = `${at}/${escaped(name)}`;
    if (info === undefined) {
      found.push({ pointer, code: 'unknown_field', detail: `there is no field ${quoted(name)} here` });
      continue;
    }
    const within = info.within?.();
    const value = json[name];
    Object.assign(instance, {
      [name]: within === undefined ? value : inner(within, info.list, value, pointer, found),
    });
  }
  return instance;
};

/** What a field with a shape of its own holds: one, a list of them, or something that the checks will refuse. */
const inner = (shape: Shape, list: boolean, value: unknown, at: string, found: Finding[]): unknown => {
  if (!list) return isObject(value) ? instanceOf(shape, value, at, found) : value;
  if (!Array.isArray(value)) return value;
  return value.map((item: unknown, i) => inner(shape, false, item, `${at}/${String(i)}`, found));
};

const collect = (errors: readonly ValidationError[], at: string, found: Finding[]): void => {
  for (const { property, constraints = {}, children = [] } of errors) {
    const pointer = `${at}/${property}`;
    for (const message of Object.values(constraints)) {
      const fault = faultOf(message);
      if (fault !== undefined) found.push({ pointer, ...fault });
    }
    collect(children, pointer, found);
  }
};

/** Number of each pointer in the order of the document; what is missing in it comes after everything that is there. */
const placesOf = (json: Record<string, unknown>): ((pointer: string) => number) => {
  const places = new Map<string, number>();
  const walk = (object: object, at: string): void => {
    for (const [name, value] of Object.entries(object) as [string, unknown][]) {
      const pointer = `${at}/${escaped(name)}`;
      places.set(pointer, places.size);
      if (typeof value === 'object' && value !== null) walk(value, pointer);
    }
  };
  walk(json, '');
  return (pointer) => places.get(pointer) ?? places.size;
};

const EMPTY = new WeakMap<Shape, boolean>();

/** Whether every field of a shape is optional. */
const mayBeEmpty = (shape: Shape): boolean => {
  let may = EMPTY.get(shape);
  if (may === undefined) {
    may = [...fieldsOf(shape).values()].every(({ optional }) => optional);
    EMPTY.set(shape, may);
  }
  return may;
};

/** Query parameters as an instance of their shape: each known, each given once. */
export const readQuery = <T extends object>(shape: Shape<T>, query: Record<string, unknown>): T => {
  const fields = fieldsOf(shape);
  const given = Object.entries(query);
  if (given.length === 0 && mayBeEmpty(shape)) return new shape();
  for (const [name, value] of given) {
    if (!fields.has(name)) throw parameter('unknown_parameter', name, `there is no parameter ${quoted(name)} here`);
    if (Array.isArray(value)) throw parameter('duplicate_parameter', name, `${name} is given twice`);
  }
  return readShape(shape, query);
};

const parameter = (code: ProblemCode, name: string, detail: string): Error =>
  finding(code, `/${escaped(name)}`, detail);
