import { isUtf8 } from 'node:buffer';
import { Problem } from '../problems/problem';
import { refuseExceeded } from './json-limits';

const malformed = (detail: string): Problem => new Problem('malformed_json', detail);

const startsWith = (body: Buffer, ...bytes: readonly number[]): boolean => bytes.every((byte, i) => body[i] === byte);

/** A byte order mark, or the zero bytes of UTF-16 and UTF-32: declared as UTF-8, which it is not. */
const isOtherUnicode = (body: Buffer): boolean =>
  startsWith(body, 0xef, 0xbb, 0xbf) ||
  startsWith(body, 0xff, 0xfe) ||
  startsWith(body, 0xfe, 0xff) ||
  (body.length > 1 && (body[0] === 0 || body[1] === 0));

/**
 * The bytes of a body as JSON. `unlimited` leaves out the look at its limits, for a path that does so itself where it
 * must ({@link refuseExceeded}).
 */
export const parseBody = (body: Buffer, unlimited = false): unknown => {
  if (body.length === 0) throw malformed('the body is empty');
  if (isOtherUnicode(body)) throw malformed('the body begins with a byte order mark or is not UTF-8');
  if (!isUtf8(body)) throw new Problem('invalid_encoding', 'the body contains bytes that are not UTF-8');
  if (!unlimited) refuseExceeded(body);
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    // V8's message quotes the input, and says little without an editor.
    throw malformed('the body is no JSON, or more than one value');
  }
};
