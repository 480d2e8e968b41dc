import { hostname } from 'node:os';
import { type EventStore, type Stream, type StreamRecord, StreamUnavailable } from '@drawdown/ports';
import { storeIdOf } from '../store-header';
import { STORE_TOPIC } from './topics';

/** The first record is there, or there is none: a broker that does not give it by then is in trouble. */
const READ_MS = 10_000;

/**
 * The topics belong to another store. Two stores that shared them would each be given a part of the usage, and refuse
 * as unknown what the other one's organizations used.
 */
export class TopicsOfAnotherStore extends Error {
  readonly code = 'topics_of_another_store';
  constructor(own: string, claim: Claim) {
    const other = `the store ${claim.store_id}, since a process on ${claim.host} claimed them`;
    super(
      `the topics on this Kafka belong to ${other}; this is the store ${own}. Use that store, or another Kafka; where that ` +
        'store is no more, delete all topics called drawdown.*: what is in them was meant for it',
    );
  }
}

interface Claim {
  readonly store_id: string;
  readonly host: string;
}

/**
 * Claims the topics of a stream for a store, for ever. The first record of {@link STORE_TOPIC} decides, so that of two
 * stores that come at the same moment one is refused: {@link TopicsOfAnotherStore}. Nothing may be consumed before.
 */
export const claimTopics = async (stream: Stream, store: EventStore): Promise<void> => {
  const own = await storeIdOf(store);
  await stream.ensureTopic(STORE_TOPIC, 1, 'for ever');
  let claim = await firstClaim(stream);
  if (claim === undefined) {
    await stream.send(STORE_TOPIC, 0, [recordOf({ store_id: own, host: hostname() })]);
    claim = await firstClaim(stream);
  }
  if (claim === undefined) throw new StreamUnavailable(`${STORE_TOPIC} does not show what was sent to it`);
  if (claim.store_id !== own) throw new TopicsOfAnotherStore(own, claim);
};

const recordOf = (claim: Claim): StreamRecord => ({
  key: null,
  value: Buffer.from(JSON.stringify(claim)),
  headers: {},
});

const firstClaim = async (stream: Stream): Promise<Claim | undefined> => {
  const { oldest, end } = (await stream.boundsOf(STORE_TOPIC))[0] ?? { oldest: 0, end: 0 };
  if (oldest === end) return undefined;
  for await (const { records } of stream.follow(STORE_TOPIC, 0, oldest, AbortSignal.timeout(READ_MS))) {
    const [first] = records;
    if (first !== undefined) return claimIn(first);
  }
  throw new StreamUnavailable(`${STORE_TOPIC}: its first record did not come within ${String(READ_MS)} ms`);
};

/** What nobody can read was not written by this product, or by a later release: it is no claim of this store. */
const claimIn = ({ value }: StreamRecord): Claim => {
  const unknown = { store_id: 'unknown', host: 'unknown' };
  try {
    return { ...unknown, ...(JSON.parse(value?.toString('utf8') ?? '') as Partial<Claim>) };
  } catch (error) {
    if (error instanceof SyntaxError) return unknown;
    throw error;
  }
};
