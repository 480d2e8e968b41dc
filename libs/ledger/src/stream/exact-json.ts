/**
 * JSON that gives back exactly what was written, big integers included: `{"$bigint": "12"}`. Between processes of the
 * product only. A member that is undefined is as good as none; what else JSON would change silently is refused.
 */

/** Text of a value made of plain objects, lists, texts, finite numbers, booleans, null and big integers. */
export const writeExact = (value: unknown): string => JSON.stringify(tagged(value));

/** The value of such a text. Throws a SyntaxError where it is none. */
export const readExact = (text: string): unknown => untagged(JSON.parse(text));

const TAG = '$bigint';

const tagged = (value: unknown): unknown => {
  switch (typeof value) {
    case 'bigint':
      return { [TAG]: value.toString() };
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`${String(value)} has no JSON`);
      return value;
    case 'string':
    case 'boolean':
      return value;
    case 'object':
      if (value === null) return null;
      return Array.isArray(value) ? value.map(tagged) : mapped(plain(value), escaped, tagged);
    default:
      throw new TypeError(`${typeof value} has no JSON`);
  }
};

const plain = (value: object): object => {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return value;
  throw new TypeError(`a ${value.constructor.name} has no JSON that gives it back`);
};

const untagged = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(untagged);
  const number = TAG in value ? value[TAG] : undefined;
  return number === undefined ? mapped(value, unescaped, untagged) : readInteger(number);
};

/** An integer as `String` writes it, and nothing else that `BigInt` would take. Throws a SyntaxError. */
export const readInteger = (text: unknown): bigint => {
  if (typeof text !== 'string' || !/^-?\d+$/.test(text)) throw new SyntaxError(`${String(text)} is no integer`);
  return BigInt(text);
};

const mapped = (value: object, key: (key: string) => string, of: (value: unknown) => unknown): unknown =>
  Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => (inner === undefined ? [] : [[key(name), of(inner)] as const])),
  );

/** Keys that begin with the tag's sign get one more, so that none is taken for the tag. */
const escaped = (key: string): string => (key.startsWith('$') ? `$${key}` : key);
const unescaped = (key: string): string => (key.startsWith('$') ? key.slice(1) : key);
