import type { StoredEvent } from '@drawdown/ports';
import { type Followed, Gap } from './follow';
import { missing, type ReadClient } from './read-client';
import { storedEvent, type StreamNames } from './stored-events';

/** A stream: the checkpoint is a revision, so what is missing shows at once. */
export const followedStream = (reads: ReadClient, names: StreamNames, stream: string, from: number): Followed => {
  let next = from;
  return {
    what: stream,
    subscribe: () => reads.subscribeToStream(stream, next),
    take: (event) => {
      const stored = storedEvent(names, event);
      if (stored.revision < next) return undefined;
      if (stored.revision > next) throw new Gap(missing(stream, next));
      next += 1;
      return stored;
    },
    isBehind: async () => (await reads.head(stream)) >= next,
  };
};

/** Streams of some prefixes: the checkpoint is the position of the last event, never one that the server reports. */
export const followedPrefixes = (
  reads: ReadClient,
  names: StreamNames,
  prefixes: readonly string[],
  from: number,
): Followed => {
  let after = from;
  /** How far the server says that it has looked: only ever used to look for what did not come. */
  let looked = from;
  const look = (position: number): void => {
    looked = Math.max(looked, position);
  };
  return {
    what: prefixes.join(', '),
    subscribe: (wake) =>
      reads.subscribeToAll(after, prefixes, (position) => {
        look(position);
        wake();
      }),
    take: (event): StoredEvent | undefined => {
      const stored = storedEvent(names, event);
      if (stored.position <= after) return undefined;
      after = stored.position;
      look(after);
      return stored;
    },
    isBehind: async () => {
      let seen = looked;
      const [next] = await reads.readAll(looked, 1, prefixes, (position) => (seen = position));
      if (next === undefined) look(seen);
      return next !== undefined;
    },
  };
};
