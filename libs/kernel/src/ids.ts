import { hash } from 'node:crypto';

/** Ids that callers choose (api.md, Conventions). */
export const CALLER_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/**
 * Ids of people: what callers choose, and the `|` with which issuers part the source of an account from its number
 * (`auth0|…`, `google-oauth2|…`). Nothing else: they stand in paths, headers and exported tables.
 */
export const USER_ID = /^[A-Za-z0-9._:|-]{1,128}$/;
/** The same in words, for whoever has to be told. */
export const USER_ID_FORM = '1 to 128 of A-Z a-z 0-9 . _ : | -';

/** Namespace of every id that Drawdown derives from names (RFC 9562 §5.5). Part of the contract: never changes. */
export const DRAWDOWN_NAMESPACE = Buffer.from('b2f0c1de6d0a5c3e9a5f4d7261776e64', 'hex');

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The text form of 16 bytes as a UUID. */
export const uuidText = (bytes: Uint8Array): string => {
  let text = '';
  for (let i = 0; i < 16; i++) {
    text += HEX[bytes[i] ?? 0];
    if (i === 3 || i === 5 || i === 7 || i === 9) text += '-';
  }
  return text;
};

/** Where namespace and name are put together; a longer name gets a buffer of its own. */
const SCRATCH = Buffer.alloc(1024);

/** Its first so many bytes, by their number: making a view costs as much as filling it. */
const VIEWS: (Uint8Array | undefined)[] = [];

const joined = (namespace: Uint8Array, name: string): Uint8Array => {
  // A UTF-16 unit is at most 3 bytes of UTF-8.
  if (namespace.length + 3 * name.length > SCRATCH.length) return Buffer.concat([namespace, Buffer.from(name, 'utf8')]);
  SCRATCH.set(namespace);
  const length = namespace.length + SCRATCH.write(name, namespace.length, 'utf8');
  return (VIEWS[length] ??= SCRATCH.subarray(0, length));
};

/** The 16 bytes of a version 5 UUID: SHA-1 over the namespace and the name (RFC 9562 §5.5). */
export const uuidV5Bytes = (namespace: Uint8Array, name: string): Buffer =>
  asVersion5(hash('sha1', joined(namespace, name), 'buffer').subarray(0, 16));

const asVersion5 = (bytes: Buffer): Buffer => {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes;
};

declare const identity: unique symbol;

/**
 * What identifies a usage event of an organization: the first 16 characters are the bytes of a UUIDv5 before its version
 * and variant are set ({@link uuidOf} sets them). A text, because a hundred thousand a second are made of which nearly
 * none is looked at: buffers cost three times as much.
 */
export type Identity = string & { readonly [identity]: 'identity' };

/** The identity's UUID. */
export const uuidOf = (of: Identity): string => uuidText(asVersion5(Buffer.from(of, 'latin1').subarray(0, 16)));

/** The identity's UUID as 32 digits without hyphens, which PostgreSQL reads as well: a third of the cost. */
export const uuidDigits = (of: Identity): string =>
  asVersion5(Buffer.from(of, 'latin1').subarray(0, 16)).toString('hex');

/** The identity whose UUID this is; that of no event for a text that is none. */
export const identityWith = (uuid: string): Identity => {
  const hex = uuid.replaceAll('-', '');
  return (/^[0-9a-f]{32}$/.test(hex) ? Buffer.from(hex, 'hex') : Buffer.alloc(16)).toString('latin1') as Identity;
};

/** The namespace under which an organization's charges get their ids. */
export const organizationNamespace = (organizationId: string): Buffer =>
  uuidV5Bytes(DRAWDOWN_NAMESPACE, `organization\n${organizationId}`);

/** Identity of a usage event of an organization: UUIDv5(organization's namespace, source + LF + id). */
export const identityOf = (namespace: Uint8Array, source: string, id: string): Identity =>
  hash('sha1', joined(namespace, `${source}\n${id}`), 'binary') as Identity;

/** The id of the charge made from a usage event, known to its sender beforehand. */
export const chargeId = (namespace: Uint8Array, source: string, id: string): string =>
  `txn_${uuidOf(identityOf(namespace, source, id))}`;

const derivedBytes = (prefix: string, parts: readonly string[]): Buffer =>
  uuidV5Bytes(DRAWDOWN_NAMESPACE, `${prefix}\n${parts.join('\n')}`);

/**
 * An id that follows from what it belongs to, so that deciding the same thing twice names it the same. 20 hex digits
 * (74 free bits), because such ids are unique within one organization and some stand in every charge.
 */
export const derivedId = (prefix: string, ...parts: readonly string[]): string =>
  `${prefix}_${derivedBytes(prefix, parts).toString('hex', 6)}`;

/** As {@link derivedId}, for transactions: a whole UUID, as the ids of charges are. */
export const derivedTransactionId = (...parts: readonly string[]): string =>
  `txn_${uuidText(derivedBytes('txn', parts))}`;
