import { type Actor, effectsOf, type OwnEvent, SYSTEM } from '@drawdown/domain';
import { type Instant, latest } from '@drawdown/kernel';
import type { Catalogue } from '../catalogue/catalogue';
import { foldOwn, type Resident, type ShardState } from '../fold';
import { checkAfter, checkBefore, type InvariantViolated, Touched } from '../invariants';
import type { MicroBatch } from '../micro-batch';
import { ownTime } from '../own-time';
import { untouched } from './untouched';

/** What a record of a freeze tells of the violations; the log of the process has all. */
const VIOLATIONS_KEPT = 10;
const VIOLATION_LETTERS = 500;

/**
 * What one turn of a shard books on: the state in memory, which goes ahead of the store, and the batch that gathers the
 * facts. Whatever decides in the turn shares it, and the one time that each organization has.
 */
export class Books {
  /** What has moved: checked before the batch is stored. */
  readonly touched = new Touched();

  constructor(
    readonly state: ShardState,
    readonly batch: MicroBatch,
    private readonly catalogue: Pick<Catalogue, 'testClocks'>,
    private readonly machineNow: Instant,
    /** By organization; those whose freeze could not be recorded, too. */
    readonly frozen: ReadonlyMap<string, InvariantViolated>,
  ) {}

  nowFor({ organization }: Resident): Instant {
    return ownTime(organization, this.state, this.catalogue, this.machineNow);
  }

  /** The time at which an organization begins, on the machine's clock or on this test clock. */
  bornAt(testClock: string | null): Instant {
    const testNow = testClock === null ? undefined : this.catalogue.testClocks.get(testClock)?.now;
    return testNow ?? latest(this.machineNow, this.state.bookedAt);
  }

  isFrozen(organizationId: string): boolean {
    return this.frozen.has(organizationId) || this.state.organization(organizationId)?.frozen === true;
  }

  /** Books facts of one organization, each checked against its wallets before and after. */
  book(
    organizationId: string,
    events: readonly OwnEvent[],
    bookedAt: Instant,
    actor: Actor,
    requestId: string | null,
  ): void {
    const { residents } = this.state;
    for (const [place, event] of events.entries()) {
      const { bookings } = effectsOf(event);
      for (const booking of bookings) checkBefore(residents.get(organizationId), booking);
      const add = (): number => this.batch.addEvent(event, { organizationId, bookedAt, actor, requestId });
      const revision = place === 0 ? untouched(add) : add();
      foldOwn(this.state, organizationId, event, bookedAt, revision);
      const resident = residents.get(organizationId);
      for (const booking of bookings) checkAfter(resident, booking);
      if (resident !== undefined) this.touched.booked(resident.organization, event);
    }
  }

  /** Records that an organization is frozen, where that is not done: it stays so at the next start. */
  freeze({ organizationId, invariant, violations }: InvariantViolated): void {
    const resident = this.state.residents.get(organizationId);
    if (resident === undefined || resident.organization.frozen) return;
    const event: OwnEvent = {
      type: 'OrganizationFrozen',
      data: {
        invariant,
        violations: violations.slice(0, VIOLATIONS_KEPT).map((text) => text.slice(0, VIOLATION_LETTERS)),
      },
    };
    const bookedAt = this.nowFor(resident);
    // Not by book(): what the log has may be what does not add up, and this must be stored all the same.
    const revision = this.batch.addEvent(event, { organizationId, bookedAt, actor: SYSTEM, requestId: null });
    foldOwn(this.state, organizationId, event, bookedAt, revision);
  }
}
