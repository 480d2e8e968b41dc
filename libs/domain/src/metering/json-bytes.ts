/** Bytes of JSON from outside, whatever channel they came by: the limits they must keep, and what they say. */
import { isUtf8 } from 'node:buffer';

/** How deep a body may nest, and how many keys one object may have (bad-input rule 5). */
export const DEPTH_MAX = 32;
export const KEYS_MAX = 1000;

/**
 * How many values a body may have in all, some 60 % more than the largest batch of usage with token classes has (one with
 * providers' own usage objects may have to be halved): to make objects of four megabytes of `{}` would block the process
 * for a third of a second.
 */
export const VALUES_MAX = 200_000;

/** Why bytes are not taken as JSON. */
export interface JsonFault {
  readonly code: 'malformed_json' | 'invalid_encoding' | 'too_deep' | 'too_many_keys' | 'payload_too_large';
  readonly detail: string;
}

const fault = (code: JsonFault['code'], detail: string): JsonFault => ({ code, detail });

const QUOTE = 0x22;
const COLON = 0x3a;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const [BRACKET_OPEN, BRACKET_CLOSE, BRACE_OPEN, BRACE_CLOSE] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * The limit that bytes of JSON exceed by nesting too deeply, by an object with too many keys or by too many values in
 * all; null where they keep all three. Looks at the bytes, not at the parsed value, because parsing four megabytes of
 * brackets or of distinct keys blocks the process for half a second; this takes 2 ms per megabyte. Says nothing about
 * whether the bytes are JSON at all.
 */
export const exceededLimit = (body: Buffer): JsonFault | null => {
  const keys: number[] = [0];
  let depth = 0;
  let values = 0;
  for (let i = 0; i < body.length; i++) {
    switch (body[i]) {
      case QUOTE:
        i = endOfString(body, i);
        break;
      case COLON: {
        const count = (keys[depth] ?? 0) + 1;
        if (count > KEYS_MAX) return fault('too_many_keys', `at most ${String(KEYS_MAX)} keys per object`);
        keys[depth] = count;
        break;
      }
      case COMMA:
        values += 1;
        break;
      case BRACE_OPEN:
      case BRACKET_OPEN:
        if (++depth > DEPTH_MAX) return fault('too_deep', `at most ${String(DEPTH_MAX)} levels`);
        keys[depth] = 0;
        values += 1;
        break;
      case BRACE_CLOSE:
      case BRACKET_CLOSE:
        depth = Math.max(0, depth - 1);
        break;
      default:
    }
    if (values > VALUES_MAX) return fault('payload_too_large', `at most ${String(VALUES_MAX)} values in all`);
  }
  return null;
};

/**
 * Where the string that begins at `start` ends: the next quote without a backslash before it. Byte by byte: to search for
 * the quotes of two million escaped ones would block the process for a fifth of a second.
 */
const endOfString = (body: Buffer, start: number): number => {
  for (let i = start + 1; i < body.length; i++) {
    const byte = body[i];
    if (byte === BACKSLASH) i++;
    else if (byte === QUOTE) return i;
  }
  return body.length;
};

const startsWith = (body: Buffer, ...bytes: readonly number[]): boolean => bytes.every((byte, i) => body[i] === byte);

/** A byte order mark, or the zero bytes of UTF-16 and UTF-32: declared as UTF-8, which it is not. */
const isOtherUnicode = (body: Buffer): boolean =>
  startsWith(body, 0xef, 0xbb, 0xbf) ||
  startsWith(body, 0xff, 0xfe) ||
  startsWith(body, 0xfe, 0xff) ||
  (body.length > 1 && (body[0] === 0 || body[1] === 0));

/** The bytes as text, or why they are none. */
export const textOf = (body: Buffer): { readonly text: string } | JsonFault => {
  if (isOtherUnicode(body)) return fault('malformed_json', 'the body begins with a byte order mark or is not UTF-8');
  if (!isUtf8(body)) return fault('invalid_encoding', 'the body contains bytes that are not UTF-8');
  return { text: body.toString() };
};

/** A text as JSON, or why it is none. Its limits are the caller's business. */
export const parseJsonText = (text: string): { readonly json: unknown } | JsonFault => {
  try {
    return { json: JSON.parse(text) as unknown };
  } catch {
    // V8's message quotes the input, and says little without an editor.
    return fault('malformed_json', 'the body is no JSON, or more than one value');
  }
};

/** The bytes as JSON, or why they are none. */
export const parseJsonBytes = (body: Buffer): { readonly json: unknown } | JsonFault => {
  const read = textOf(body);
  if ('code' in read) return read;
  return exceededLimit(body) ?? parseJsonText(read.text);
};
