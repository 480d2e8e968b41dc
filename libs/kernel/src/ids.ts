import { hash } from 'node:crypto';

/** Ids that callers choose (api.md, Conventions). */
export const CALLER_ID = /^[A-Za-z0-9._:-]{1,128}$/;

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

/** The 16 bytes of a version 5 UUID: SHA-1 over the namespace and the name (RFC 9562 §5.5). */
export const uuidV5Bytes = (namespace: Uint8Array, name: string): Buffer => {
  const bytes = hash('sha1', Buffer.concat([namespace, Buffer.from(name, 'utf8')]), 'buffer').subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes;
};

/** The namespace under which an organization's charges get their ids. */
export const organizationNamespace = (organizationId: string): Buffer =>
  uuidV5Bytes(DRAWDOWN_NAMESPACE, `organization\n${organizationId}`);

/** 16 bytes that identify a usage event of an organization: UUIDv5(organization's namespace, source + LF + id). */
export const identityOf = (namespace: Uint8Array, source: string, id: string): Buffer =>
  uuidV5Bytes(namespace, `${source}\n${id}`);

/** The id of the charge made from a usage event, known to its sender beforehand. */
export const chargeId = (namespace: Uint8Array, source: string, id: string): string =>
  `txn_${uuidText(identityOf(namespace, source, id))}`;

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
