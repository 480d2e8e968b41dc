import { pointerPart } from '@drawdown/kernel';
import { validateSync, type ValidationError } from 'class-validator';
import type { ProblemCode } from '../problems/codes';
import { type Finding, finding, findings, FINDINGS_MAX, quoted } from '../problems/problem';
import { faultOf, fieldsOf, isObject, type Shape } from './field';

/**
 * A parsed body as an instance of its shape, or the problem that lists what is wrong with it, in document order.
 * Own keys are compared with the declared ones before anything is copied: `__proto__` is an unknown field like any other.
 * After as many unknown fields as are listed, nothing further down in the document is looked at.
 */
export const readShape = <T extends object>(shape: Shape<T>, json: unknown): T => {
  if (!isObject(json)) throw finding('invalid_type', '', 'the body must be an object');
  const found: Finding[] = [];
  const instance = instanceOf(shape, json, '', found);
  collect(validateSync(instance, { forbidUnknownValues: false }), '', found);
  if (found.length === 0) return instance;
  throw findings(inDocumentOrder(json, found));
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
    if (found.length >= FINDINGS_MAX) break;
    const info = fields.get(name);
    if (info === undefined) {
      const detail = `there is no field ${quoted(name)} here`;
      found.push({ pointer: `${at}/${pointerPart(name)}`, code: 'unknown_field', detail });
      continue;
    }
    const pointer = `${at}/${pointerPart(name)}`;
    const within = info.within?.();
    const value = json[name];
    Object.assign(instance, {
      [name]: within === undefined ? value : inner(within, info.most, value, pointer, found),
    });
  }
  return instance;
};

/**
 * What a field with a shape of its own holds: one, a list of them, or something that the checks will refuse. Of a list
 * that is too long no more is looked at than shows that it is.
 */
const inner = (shape: Shape, most: number | null, value: unknown, at: string, found: Finding[]): unknown => {
  if (most === null) return isObject(value) ? instanceOf(shape, value, at, found) : value;
  if (!Array.isArray(value)) return value;
  const looked: unknown[] = [];
  for (const [i, item] of value.slice(0, most + 1).entries()) {
    if (i > 0 && found.length >= FINDINGS_MAX) break;
    looked.push(inner(shape, null, item, `${at}/${String(i)}`, found));
  }
  return looked;
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

interface Child {
  readonly place: number;
  readonly value: unknown;
}

/** Findings as their pointers lie in the document; what is missing in it comes after everything that is there. */
const inDocumentOrder = (json: Record<string, unknown>, found: readonly Finding[]): Finding[] => {
  const known = new Map<object, ReadonlyMap<string, Child>>();
  const childOf = (value: unknown, name: string): Child | undefined => {
    if (Array.isArray(value)) return { place: Number(name), value: (value as readonly unknown[])[Number(name)] };
    if (!isObject(value)) return undefined;
    let children = known.get(value);
    if (children === undefined) {
      const entries = Object.entries(value);
      children = new Map(entries.map(([key, inside], place) => [pointerPart(key), { place, value: inside }]));
      known.set(value, children);
    }
    return children.get(name);
  };
  /** Places of the pointer's parts, from outside to inside; null where it points to nothing. */
  const wayTo = (pointer: string): readonly number[] | null => {
    const way: number[] = [];
    let value: unknown = json;
    for (const name of pointer.split('/').slice(1)) {
      const child = childOf(value, name);
      if (child === undefined) return null;
      way.push(child.place);
      value = child.value;
    }
    return way;
  };
  const placed = found.map((one) => ({ one, way: wayTo(one.pointer) }));
  return placed.sort((a, b) => compareWays(a.way, b.way)).map(({ one }) => one);
};

const compareWays = (a: readonly number[] | null, b: readonly number[] | null): number => {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  const differs = a.findIndex((place, i) => place !== b[i]);
  return differs === -1 ? a.length - b.length : (a[differs] ?? 0) - (b[differs] ?? -1);
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
  finding(code, `/${pointerPart(name)}`, detail);
