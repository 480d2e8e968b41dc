/** Characters of a caller's input that an answer shows. */
export const SHOWN_MAX = 64;

/** The name of a member as part of a JSON Pointer (RFC 6901), cut where it is long: names are what callers make up. */
export const pointerPart = (name: string): string =>
  name.slice(0, SHOWN_MAX).replaceAll('~', '~0').replaceAll('/', '~1');
