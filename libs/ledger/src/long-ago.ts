import { type Charge, ledgerStream, readRecorded, REMEMBERED_DAYS, type UsageEvent } from '@drawdown/domain';
import { DAY_MICROS, type Instant, latest, shift } from '@drawdown/kernel';
import { type Clock, type EventStore, pagesToEnd } from '@drawdown/ports';
import type { LedgerShard } from './ledger-shard';

/** Ids looked for as bytes, before an event is decoded; of more it is faster to decode. */
const MARKS_MAX = 32;

/** A day less than identities are remembered for: events may be ahead of the clock at which they were booked. */
const LONG_AGO = BigInt(REMEMBERED_DAYS - 1) * DAY_MICROS;

/** Usage so old that its identity may be forgotten though it was charged. */
export const fromLongAgo = (usages: readonly UsageEvent[], now: Instant): readonly UsageEvent[] => {
  const horizon = shift(now, -LONG_AGO);
  return usages.filter(({ time }) => time < horizon);
};

const nameOf = ({ organizationId, source, id }: UsageEvent): string => `${organizationId}\n${source}\n${id}`;

/**
 * The charges that these usage events have in the log, however long ago (INV-INT-7). Reads all of the shard's log:
 * only for what the index cannot know.
 */
export const chargesLongAgo = async (
  store: EventStore,
  shard: number,
  usages: readonly UsageEvent[],
): Promise<ReadonlyMap<UsageEvent, Charge>> => {
  const found = new Map<UsageEvent, Charge>();
  if (usages.length === 0) return found;
  const wanted = new Map(usages.map((usage) => [nameOf(usage), usage]));
  const marks = usages.map(({ id }) => Buffer.from(JSON.stringify(id)));
  const mayHaveOne = ({ buffer, byteOffset, byteLength }: Uint8Array): boolean => {
    const data = Buffer.from(buffer, byteOffset, byteLength);
    return marks.length > MARKS_MAX || marks.some((mark) => data.includes(mark));
  };
  for await (const page of pagesToEnd(store, ledgerStream(shard), 0)) {
    for (const stored of page) {
      if (stored.type !== 'UsageCharged' || !mayHaveOne(stored.data)) continue;
      const { event } = readRecorded(shard, stored);
      for (const charge of event.type === 'UsageCharged' ? event.data.charges : []) {
        const usage = wanted.get(nameOf(charge.usage));
        if (usage !== undefined) found.set(usage, charge);
      }
    }
  }
  return found;
};

/** The charges of these usage events of one shard that its index may have forgotten. */
export const chargedBefore = async (
  shard: LedgerShard,
  usages: readonly UsageEvent[],
  { store, clock }: { readonly store: EventStore; readonly clock: Clock },
): Promise<ReadonlyMap<UsageEvent, Charge>> => {
  if (usages.length === 0) return new Map();
  const now = await shard.read((state) => latest(clock.now(), state.bookedAt));
  return chargesLongAgo(store, shard.shard, fromLongAgo(usages, now));
};
