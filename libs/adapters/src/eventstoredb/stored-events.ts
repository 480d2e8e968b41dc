import type { JsonObject } from '@drawdown/kernel';
import { type StoredEvent, StoreUnavailable } from '@drawdown/ports';
import type { Position, RecordedEvent } from '@eventstore/db-client';

/** Names on the server are ours behind a prefix, so that several stores, or several runs of a suite, share a server. */
export class StreamNames {
  constructor(readonly prefix: string) {
    if (prefix.startsWith('$')) throw new RangeError(`names that begin with $ are the server's own: ${prefix}`);
  }

  onServer(stream: string): string {
    return this.prefix + stream;
  }

  ours(name: string): string {
    return name.slice(this.prefix.length);
  }
}

/** How all our events are marked: nobody but us reads their bytes. */
export const OCTET_STREAM = 'application/octet-stream';

/** Metadata as it is sent: bytes of JSON. */
export const metadataBytes = (metadata: JsonObject): Uint8Array => Buffer.from(JSON.stringify(metadata), 'utf8');

export const storedEvent = (names: StreamNames, recorded: RecordedEvent): StoredEvent => {
  const { id, type, data, metadata, streamId, revision, position } = recorded;
  const stream = names.ours(streamId);
  if (!(data instanceof Uint8Array) || !isObject(metadata)) {
    // Its bytes are lost on the way through the client, so it must not pass for one of ours.
    throw new StoreUnavailable(
      `${streamId}, revision ${String(revision)} was not written by Drawdown: find out who did, let nobody else write there ` +
        '(ACL), and take the log from a backup, as in "Backup and restore" of deploy/README.md',
    );
  }
  return { stream, revision: exact(revision), position: positionOf(position), id, type, data, metadata };
};

const isObject = (metadata: unknown): metadata is JsonObject =>
  typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata) && !(metadata instanceof Uint8Array);

/**
 * The port's position is the commit position. The prepare position is the same for all that is written over gRPC; only
 * transactions of the former TCP protocol have two, and none of those are ours.
 */
export const positionOf = (position: Position | undefined): number => {
  if (position === undefined) throw new StoreUnavailable('the server names no position; it is older than 22.6');
  const { commit, prepare } = position;
  if (commit !== prepare) {
    throw new StoreUnavailable(
      `commit position ${String(commit)} differs from prepare position ${String(prepare)}: written over TCP, not by us`,
    );
  }
  return exact(commit);
};

export const serverPosition = (position: number): Position => ({ commit: BigInt(position), prepare: BigInt(position) });

/** 2^53 bytes are 9 PB of log. */
const exact = (value: bigint): number => {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${String(value)} is beyond what a number holds exactly`);
  return number;
};
