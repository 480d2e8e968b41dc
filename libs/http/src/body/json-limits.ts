import { Problem } from '../problems/problem';

/** How deep a body may nest, and how many keys one object may have (bad-input rule 5). */
export const DEPTH_MAX = 32;
export const KEYS_MAX = 1000;

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const [BRACKET_OPEN, BRACKET_CLOSE, BRACE_OPEN, BRACE_CLOSE] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Refuses bytes of JSON that nest too deeply or have an object with too many keys. Looks at the bytes, not at the
 * parsed value, because parsing four megabytes of brackets or of distinct keys blocks the process for half a second;
 * this takes 2 ms per megabyte. Says nothing about whether the bytes are JSON at all.
 */
export const refuseExceeded = (body: Buffer): void => {
  const keys: number[] = [0];
  let depth = 0;
  for (let i = 0; i < body.length; i++) {
    switch (body[i]) {
      case QUOTE:
        i = endOfString(body, i);
        break;
      case COLON: {
        const count = (keys[depth] ?? 0) + 1;
        if (count > KEYS_MAX) throw new Problem('too_many_keys', `at most ${String(KEYS_MAX)} keys per object`);
        keys[depth] = count;
        break;
      }
      case BRACE_OPEN:
      case BRACKET_OPEN:
        if (++depth > DEPTH_MAX) throw new Problem('too_deep', `at most ${String(DEPTH_MAX)} levels`);
        keys[depth] = 0;
        break;
      case BRACE_CLOSE:
      case BRACKET_CLOSE:
        depth = Math.max(0, depth - 1);
        break;
      default:
    }
  }
};

/** Where the string that begins at `start` ends: the next quote after an even number of backslashes. */
const endOfString = (body: Buffer, start: number): number => {
  let end = start;
  do {
    end = body.indexOf(QUOTE, end + 1);
    if (end === -1) return body.length;
  } while (isEscaped(body, end));
  return end;
};

const isEscaped = (body: Buffer, at: number): boolean => {
  let backslashes = 0;
  while (body[at - 1 - backslashes] === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
};
