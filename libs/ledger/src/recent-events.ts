import type { LedgerEvent, Recorded } from '@drawdown/domain';

/** Charges kept at most; more means that whoever follows is behind, and then decoding is not what holds it up. */
const CHARGES_KEPT = 50_000;

const weightOf = ({ event }: Recorded<LedgerEvent>): number =>
  event.type === 'UsageCharged' ? event.data.charges.length : 1;

/**
 * The events that this process has stored last, as they were decided. A follower in the same process takes them from
 * here instead of decoding what it reads; what is not here any more it decodes.
 */
export class RecentEvents {
  private readonly events = new Map<string, Recorded<LedgerEvent>>();
  private weight = 0;

  add(recorded: Recorded<LedgerEvent>): void {
    this.events.set(keyOf(recorded.shard, recorded.revision), recorded);
    this.weight += weightOf(recorded);
    for (const [oldest, event] of this.events) {
      if (this.weight <= CHARGES_KEPT) return;
      this.events.delete(oldest);
      this.weight -= weightOf(event);
    }
  }

  get(shard: number, revision: number): Recorded<LedgerEvent> | undefined {
    return this.events.get(keyOf(shard, revision));
  }
}

const keyOf = (shard: number, revision: number): string => `${String(shard)}/${String(revision)}`;
