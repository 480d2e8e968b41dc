import type { Instant } from '@drawdown/kernel';
import { forgottenBefore } from '../identity-index';
import type { Idempotency, Sender } from '../ledger';

/** A write to the catalogue under an Idempotency-Key: its answer follows from its stream up to its event. */
export interface RememberedWrite {
  readonly hash: string;
  readonly stream: string;
  readonly revision: number;
  /** Global position of the event. */
  readonly position: number;
  readonly bookedAt: Instant;
}

/**
 * Idempotency keys of writes to the catalogue, per sender, in whichever of its streams. They stand in the metadata of
 * the events, so that a start reads them again. Bounded by what was written within the remembered days; the catalogue
 * itself keeps more of each event in memory.
 */
export class RememberedWrites {
  /** Oldest first. */
  private readonly writes = new Map<string, RememberedWrite>();

  find(actor: Sender['actor'], key: Idempotency['key']): RememberedWrite | undefined {
    return this.writes.get(nameOf(actor, key));
  }

  remember(actor: Sender['actor'], key: Idempotency['key'], write: RememberedWrite): void {
    this.writes.set(nameOf(actor, key), write);
    const horizon = forgottenBefore(write.bookedAt);
    for (const [name, { bookedAt }] of this.writes) {
      if (bookedAt > horizon) return;
      this.writes.delete(name);
    }
  }
}

const nameOf = ({ type, id }: Sender['actor'], key: string): string => `${type} ${id}\n${key}`;
