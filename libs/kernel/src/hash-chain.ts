import { createHash } from 'node:crypto';
import type { JsonObject } from './event-type';
import { uuidText } from './ids';

/** What precedes the first event of a stream. */
export const CHAIN_START = Buffer.alloc(32);

/** What the chain covers of an event: everything that is stored of it. */
export interface Chained {
  readonly stream: string;
  readonly revision: number;
  readonly type: string;
  readonly data: Uint8Array;
  /** Without `hash`. */
  readonly metadata: JsonObject;
}

/**
 * SHA-256 over the previous hash, the event's place, type and metadata, and its data: any change, removal, insertion
 * or swap shows at the first event it affects (INV-AUD-1). Metadata is covered as the JSON that it is stored as.
 */
export const chainHash = (previous: Buffer, event: Chained): Buffer =>
  createHash('sha256')
    .update(previous)
    .update(`${event.stream}\n${String(event.revision)}\n${event.type}\n${JSON.stringify(event.metadata)}\n`)
    .update(event.data)
    .digest();

/**
 * The event's id: a UUID made from its hash (RFC 9562 §5.8), so that it is a pure function of content and place.
 * Two writers that decide differently at one revision have different ids; a repeated append has the same.
 */
export const eventIdOf = (hash: Buffer): string => {
  const bytes = Buffer.from(hash.subarray(0, 16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return uuidText(bytes);
};

/** The hash that a stored event must have after `previous`. */
export const expectedHash = (
  previous: Buffer,
  stored: Omit<Chained, 'metadata'> & { readonly metadata: JsonObject },
): Buffer => {
  const { hash: _, ...metadata } = stored.metadata;
  return chainHash(previous, { ...stored, metadata });
};

const HEX = /^[0-9a-f]{64}$/;

/** The hash that stands in a stored event; undefined where none does. */
export const storedHash = ({ metadata }: { readonly metadata: JsonObject }): Buffer | undefined => {
  const { hash } = metadata;
  return typeof hash === 'string' && HEX.test(hash) ? Buffer.from(hash, 'hex') : undefined;
};

/** Whether a stored event is what the chain has after the hash `before`: its own hash is, and its id follows from that. */
export const follows = (before: Buffer, stored: Chained & { readonly id: string }): boolean => {
  const hash = expectedHash(before, stored);
  return storedHash(stored)?.equals(hash) === true && stored.id === eventIdOf(hash);
};
