/** How one usage event is written, read off an example: the pattern that others like it match, and what it captures. */
import type { TSchema } from '@sinclair/typebox';
import { UsageCloudEvent } from './usage-event';

/** Characters of an example that is worth a pattern. */
const EXAMPLE_MAX = 8_192;

/** An amount, as far as it takes to see where it ends; it is looked at more closely when it is read. */
const AMOUNT = '[0-9]{1,18}(?:\\.[0-9]{1,9})?';
const TIME = '[0-9T:.+Zz-]{20,40}';
/** Below 10¹⁵: a whole number that `number` holds exactly. */
const WHOLE = '0|[1-9][0-9]{0,14}';

export interface Sketch {
  readonly pattern: string;
  /** The group that captures the value at a JSON Pointer into the event. */
  readonly groups: ReadonlyMap<string, number>;
  /** JSON Pointers of what is the same in every event of the form, with its JSON: `null`, `true`, `false`. */
  readonly constants: ReadonlyMap<string, string>;
  /** Where the example ends. */
  readonly end: number;
}

/** The sketch of the JSON object that begins at a place of a text; null where something in it has no simple pattern. */
export const sketchOf = (text: string, at: number): Sketch | null => {
  const sketching = new Sketching(text, at);
  return sketching.object('', UsageCloudEvent) ? sketching : null;
};

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

/** A class of characters in a pattern. */
const CLASS = /\[(?:\\.|[^\]\\])*\]/g;

/** The schema's pattern as part of a larger one, for texts without an escape; null where it cannot be such a part. */
const patternOf = (schema: TSchema): string | null => {
  if (schema['amount'] === true) return AMOUNT;
  if (schema['instant'] === true) return TIME;
  const pattern: unknown = schema['pattern'];
  if (typeof pattern !== 'string' || pattern.replaceAll(CLASS, '').includes('(')) return null;
  return pattern.slice(1, -1).replace('[^', '[^"\\\\');
};

/** What a nullable field holds where it is not null. */
const presentIn = (schema: TSchema): TSchema => {
  const [present] = (schema['anyOf'] as TSchema[] | undefined) ?? [];
  return present ?? schema;
};

const memberOf = (schema: TSchema, name: string): TSchema | undefined => {
  const named = schema['properties'] as Readonly<Record<string, TSchema>> | undefined;
  if (named !== undefined) return Object.hasOwn(named, name) ? named[name] : undefined;
  const free = schema['patternProperties'] as Readonly<Record<string, TSchema>> | undefined;
  return Object.values(free ?? {})[0];
};

class Sketching implements Sketch {
  pattern = '';
  readonly groups = new Map<string, number>();
  readonly constants = new Map<string, string>();

  constructor(
    private readonly text: string,
    public end: number,
  ) {
    this.limit = end + EXAMPLE_MAX;
  }
  private readonly limit: number;

  /** Goes over one object; false where it is no sketch's. */
  object(path: string, schema: TSchema): boolean {
    const names = new Set<string>();
    if (!this.sign('{')) return false;
    do {
      const name = this.plainText();
      if (name === null || names.has(name) || this.end > this.limit) return false;
      names.add(name);
      const member = memberOf(schema, name);
      if (member === undefined) return false;
      this.pattern += `"${escaped(name)}"`;
      if (!this.sign(':') || !this.value(`${path}/${name}`, presentIn(member))) return false;
    } while (this.sign(','));
    return this.sign('}');
  }

  private value(path: string, schema: TSchema): boolean {
    if (this.text[this.end] === '{') return schema['type'] === 'object' && this.object(path, schema);
    if (this.text[this.end] === '"') return this.captured(path, schema);
    if (schema['type'] === 'integer' && this.matches(/\d+(?![\d.eE])/y) !== null) return this.capture(path, WHOLE);
    const constant = this.matches(/null|true|false/y);
    if (constant === null) return false;
    this.constants.set(path, constant);
    this.pattern += constant;
    return true;
  }

  private captured(path: string, schema: TSchema): boolean {
    if (schema['type'] !== 'string') return false;
    const text = this.plainText();
    const pattern = patternOf(schema);
    if (text === null) return false;
    if (pattern === null) {
      this.pattern += `"${escaped(text)}"`;
      return true;
    }
    this.pattern += '"';
    this.capture(path, pattern);
    this.pattern += '"';
    return true;
  }

  private capture(path: string, pattern: string): true {
    this.groups.set(path, this.groups.size + 1);
    this.pattern += `(${pattern})`;
    return true;
  }

  /** One of JSON's signs, with the white space around it. */
  private sign(sign: string): boolean {
    const found = this.matches(sign === '}' ? /[ \t\r\n]*\}/y : /[ \t\r\n]*[{:,][ \t\r\n]*/y);
    if (found === null) return false;
    if (found.trim() === sign) {
      this.pattern += escaped(found);
      return true;
    }
    this.end -= found.length;
    return false;
  }

  /** A JSON text without an escape, unquoted. */
  private plainText(): string | null {
    return this.matches(/"[^"\\]*"/y)?.slice(1, -1) ?? null;
  }

  private matches(pattern: RegExp): string | null {
    pattern.lastIndex = this.end;
    const [found] = pattern.exec(this.text) ?? [];
    if (found === undefined) return null;
    this.end += found.length;
    return found;
  }
}
