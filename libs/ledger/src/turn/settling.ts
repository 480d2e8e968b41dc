import { settleNext, SYSTEM } from '@drawdown/domain';
import type { Instant } from '@drawdown/kernel';
import { firstDue, reschedule, type Resident } from '../fold';
import { InvariantViolated } from '../invariants';
import { bytesOfEvents } from '../micro-batch';
import type { SettleWork } from '../work';
import type { Books } from './books';
import { mostOfSettling } from './room';

/** Facts that one settle work books before it lets others have their turn. */
const SETTLED_PER_TURN = 2_000;

/** Books what is due: before each decision about an organization, and by time alone. */
export class Settling {
  constructor(private readonly books: Books) {}

  /** Books what is due for one organization at `now`; false where the batch is full before all of it is. */
  settle(resident: Resident, now: Instant): boolean {
    while (resident.due !== null && resident.due <= now) {
      if (this.settleOnce(resident, now) === null) return false;
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
      if (settled >= SETTLED_PER_TURN) return false;
      const booked = this.settleOnce(resident, now);
      if (booked === null) return false;
      // The entry stays where the same instant has more to settle, and is out of date where it has not.
      settled += booked;
    }
  }

  /**
   * Books the next due instant's facts, and says how many; null where the batch has no room for them. An organization for
   * which that fails is frozen: it would fail for ever.
   */
  private settleOnce(resident: Resident, now: Instant): number | null {
    const { id } = resident.organization;
    const { batch } = this.books;
    if (batch.isFull) return null;
    try {
      const events = settleNext(resident.organization, now);
      const by = { organizationId: id, bookedAt: now, actor: SYSTEM, requestId: null };
      const room = batch.roomFor(mostOfSettling(resident), () => bytesOfEvents(events, by));
      if (room !== 'now' && !batch.isEmpty) return null;
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
