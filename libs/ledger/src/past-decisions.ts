import {
  type Charge,
  ledgerStream,
  type LedgerEvent,
  readMetadata,
  readRecorded,
  type Recorded,
  type UsageEvent,
} from '@drawdown/domain';
import type { Instant } from '@drawdown/kernel';
import type { EventStore } from '@drawdown/ports';
import type { CommandRecord } from '@drawdown/domain';
import { forgottenBefore, type Place } from './identity-index';
import type { MicroBatch } from './micro-batch';

/** Decoded events kept for duplicates that come in a row, and fetched for one turn; each holds up to some thousand charges. */
export const EVENTS_KEPT = 32;

/** What an identity was decided to be, read from its place. */
export type PastDecision =
  | { readonly kind: 'charge'; readonly usage: UsageEvent; readonly charge: Charge; readonly bookedAt: Instant }
  | {
      readonly kind: 'quarantine' | 'refusal';
      readonly usage: UsageEvent;
      readonly event: Extract<LedgerEvent, { type: 'UsageQuarantined' | 'UsageRefused' }>;
      readonly bookedAt: Instant;
      readonly place: Place;
    };

interface PastEvent {
  readonly recorded: Recorded<LedgerEvent>;
  readonly command: CommandRecord | null;
}

/**
 * What stands in the log at places that the indexes name. The log is the exact index: 64 bits of an identity are only
 * a suspicion, the event itself decides. Events are read before a turn, so that deciding never waits.
 */
export class PastDecisions {
  private readonly events = new Map<number, PastEvent>();

  constructor(
    private readonly store: EventStore,
    private readonly shard: number,
  ) {}

  /** Makes sure that these revisions are in memory for the turn. */
  async fetch(revisions: ReadonlySet<number>): Promise<void> {
    for (const revision of revisions) {
      const known = this.events.get(revision);
      if (known !== undefined) {
        // The latest used stays longest.
        this.events.delete(revision);
        this.events.set(revision, known);
        continue;
      }
      const [stored] = await this.store.read(ledgerStream(this.shard), revision, 1);
      if (stored === undefined) throw new Error(`revision ${String(revision)} is indexed but not in the log`);
      const command = readMetadata(stored.metadata).command ?? null;
      this.events.set(revision, { recorded: readRecorded(this.shard, stored), command });
    }
  }

  /** Forgets the events used longest ago; called between turns. */
  trim(): void {
    for (const revision of this.events.keys()) {
      if (this.events.size <= EVENTS_KEPT) return;
      this.events.delete(revision);
    }
  }

  clear(): void {
    this.events.clear();
  }

  /** True where the turn can look at it: it is in the batch, or was fetched. */
  has(revision: number, batch: MicroBatch): boolean {
    return this.events.has(revision) || batch.at(revision) !== undefined;
  }

  /** The same of every place that an identity may stand at. */
  hasAll(places: readonly Place[], batch: MicroBatch): boolean {
    return places.every(({ revision }) => this.has(revision, batch));
  }

  event(revision: number): PastEvent | undefined {
    return this.events.get(revision);
  }

  /** The decision about exactly this usage event among the places that are suspected, if it is still remembered. */
  about(usage: UsageEvent, places: readonly Place[], now: Instant, batch: MicroBatch): PastDecision | null {
    const horizon = forgottenBefore(now);
    for (const place of places) {
      const past = this.at(place, batch);
      if (past === null || past.bookedAt <= horizon) continue;
      const { organizationId, source, id } = past.usage;
      if (organizationId === usage.organizationId && source === usage.source && id === usage.id) return past;
    }
    return null;
  }

  private at(place: Place, batch: MicroBatch): PastDecision | null {
    const fresh = batch.at(place.revision);
    if (fresh !== undefined) {
      const charge = fresh.charges[place.index];
      if (charge !== undefined) return { kind: 'charge', usage: charge.usage, charge, bookedAt: fresh.draft.bookedAt };
      return asDecision(fresh.draft.event, fresh.draft.bookedAt, place);
    }
    const past = this.events.get(place.revision);
    if (past === undefined) throw new Error(`revision ${String(place.revision)} was not fetched before the turn`);
    const { event, bookedAt } = past.recorded;
    if (event.type === 'UsageCharged') {
      const charge = event.data.charges[place.index];
      return charge === undefined ? null : { kind: 'charge', usage: charge.usage, charge, bookedAt };
    }
    return asDecision(event, bookedAt, place);
  }
}

const asDecision = (event: LedgerEvent | null, bookedAt: Instant, place: Place): PastDecision | null => {
  if (event === null) return null;
  if (event.type === 'UsageQuarantined') return { kind: 'quarantine', usage: event.data.usage, event, bookedAt, place };
  return event.type === 'UsageRefused' ? { kind: 'refusal', usage: event.data.usage, event, bookedAt, place } : null;
};
