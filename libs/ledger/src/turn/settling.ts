import { settleNext, SYSTEM } from '@drawdown/domain';
import type { Instant } from '@drawdown/kernel';
import { firstDue, reschedule, type Resident } from '../fold';
import { InvariantViolated } from '../invariants';
import type { SettleWork } from '../work';
import type { Books } from './books';
import { bytesOfSettling } from './room';

/** Facts that one settle work books before it lets others have their turn. */
const SETTLED_PER_TURN = 2_000;

/** Books what is due: before each decision about an organization, and by time alone. */
export class Settling {
  constructor(private readonly books: Books) {}

  /** Books what is due for one organization at `now`; false where the batch is full before all of it is. */
  settle(resident: Resident, now: Instant): boolean {
    while (resident.due !== null && resident.due <= now) {
      if (!this.hasRoom(resident)) return false;
      this.settleOnce(resident, now);
    }
    return true;
  }

  /** Books what is due on a clock, in the order of the due instants; true where nothing is left. */
  settleClock({ clock }: SettleWork): boolean {
    const { state, frozen } = this.books;
    let settled = 0;
    for (;;) {
      const first = firstDue(state, clock, frozen);
      if (first === null) return true;
      const { due, resident } = first;
      const now = this.books.nowFor(resident);
      if (due > now) return true;
      if (settled >= SETTLED_PER_TURN || !this.hasRoom(resident)) return false;
      // The entry stays where the same instant has more to settle, and is out of date where it has not.
      settled += this.settleOnce(resident, now);
    }
  }

  /** Whether what is due next fits into this append. */
  private hasRoom(resident: Resident): boolean {
    const { batch } = this.books;
    return !batch.isFull && batch.hasRoomFor(bytesOfSettling(resident));
  }

  /** Books the next due instant's facts. An organization for which that fails is frozen: it would fail for ever. */
  private settleOnce(resident: Resident, now: Instant): number {
    const { id } = resident.organization;
    try {
      const events = settleNext(resident.organization, now);
      // Charges may have used up what was due.
      if (events.length === 0) reschedule(this.books.state, resident);
      this.books.book(id, events, now, SYSTEM, null);
      return events.length;
    } catch (error) {
      if (error instanceof InvariantViolated) throw error;
      throw new InvariantViolated(id, [`what is due cannot be settled: ${String(error)}`], { cause: error });
    }
  }
}
