import type { EventStore } from '@drawdown/ports';
import { randomUUID } from 'node:crypto';
import { rateOfAsync } from '../rounds';

const STREAM = 'bench-small';
/** Events per append, and per call of the client's `readStream`. */
const AT_ONCE = 1_000;

/** One small charge as an event of its own, about 150 bytes. */
const smallCharge = (n: number): Buffer =>
  Buffer.from(
    JSON.stringify({
      ...{ id: `req-${String(n)}`, org: `org_${String(n % 5_000)}`, wallet: 'credits', sequence: n },
      ...{ debited: '0.012345678', after: '999999.123456789', slices: [['lot-1', '0.012345678']] },
    }),
  );

export const writeSmallEvents = async (store: EventStore, count: number): Promise<void> => {
  for (let first = 0; first < count; first += AT_ONCE) {
    const events = Array.from({ length: AT_ONCE }, (_, i) => {
      return { id: randomUUID(), type: 'UsageCharged', data: smallCharge(first + i), metadata: { version: 1 } };
    });
    await store.append(STREAM, first, events);
  }
};

/** R1: small events per second that the store's client reads. */
export const measureR1 = (store: EventStore, count: number): Promise<number> =>
  rateOfAsync(count, async () => {
    for (let from = 0; from < count; from += AT_ONCE) await store.read(STREAM, from, AT_ONCE);
  });
