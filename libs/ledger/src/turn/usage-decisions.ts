import {
  acceptedTimes,
  type AcceptedTimes,
  canonicalContent,
  type Charge,
  decideUsage,
  type LedgerEvent,
  type UsageEvent,
} from '@drawdown/domain';
import { format, type Identity, type Instant, uuidOf } from '@drawdown/kernel';
import { hash as digest } from 'node:crypto';
import type { Catalogue } from '../catalogue/catalogue';
import { foldCharge, foldIdentity, foldTime, type Resident } from '../fold';
import { checkCharged } from '../invariants';
import { FROZEN, type UsageOutcome } from '../ledger';
import { TOO_LARGE } from '../micro-batch';
import type { PastDecision, PastDecisions } from '../past-decisions';
import { ChargedOutcome, conflicted, quarantined, refusedBefore, refusedUsage } from '../usage-outcomes';
import type { UsageWork } from '../work';
import type { Books } from './books';
import { bytesOfSlices, leastOfUsage } from './room';
import type { Settling } from './settling';
import { untouched } from './untouched';

const hashOf = (usage: UsageEvent): string => digest('sha256', canonicalContent(usage));

/** Decides usage events, each after what was due before it. It never waits: what it needs from the log was fetched before. */
export class UsageDecisions {
  private readonly times = new Map<Instant, AcceptedTimes>();

  constructor(
    private readonly books: Books,
    private readonly settling: Settling,
    private readonly past: PastDecisions,
    private readonly catalogue: Pick<Catalogue, 'rateCards'>,
  ) {}

  /** Each event stands for itself (INV-INT-9). Null where it must wait for the next turn. */
  decide(work: UsageWork, usage: UsageEvent, identity: Identity): UsageOutcome | null {
    const { state, batch, frozen } = this.books;
    if (frozen.has(usage.organizationId)) return refusedUsage('unavailable', FROZEN);
    const resident = state.residents.get(usage.organizationId);
    if (resident === undefined) return refusedUsage('organization_not_found', 'there is no such organization');
    const { organization } = resident;
    if (organization.frozen) return refusedUsage('unavailable', FROZEN);
    if (organization.status === 'closed') return refusedUsage('organization_closed', 'the organization is closed');
    const now = this.books.nowFor(resident);
    if (resident.due !== null && resident.due <= now && !this.settling.settle(resident, now)) return null;
    const places = state.identities.find(identity);
    if (places.length > 0 && !this.past.hasAll(places, batch)) return null;
    if (!batch.hasRoomFor(leastOfUsage(usage))) return null;
    const past = places.length === 0 ? null : this.past.about(usage, places, now, batch);
    if (past === null) return this.fresh(work, resident, usage, identity, now, null);
    if (work.redrive !== null && past.kind === 'quarantine') {
      const charge = work.redrive.get(usage);
      if (charge !== undefined) {
        const { bookedAt } = past;
        return this.again(work, usage, identity, { kind: 'charge', usage: charge.usage, charge, bookedAt }, now);
      }
      if (hashOf(past.usage) === hashOf(usage)) return this.fresh(work, resident, usage, identity, now, past);
    }
    return this.again(work, usage, identity, past, now);
  }

  /** A known identity: the first result stands, and other content under it is never silent (INV-INT-2). */
  private again(
    work: UsageWork,
    usage: UsageEvent,
    identity: Identity,
    past: PastDecision,
    now: Instant,
  ): UsageOutcome {
    const { state, batch } = this.books;
    const [first, other] = [hashOf(past.usage), hashOf(usage)];
    if (first !== other) {
      const transactionId = past.kind === 'charge' ? `txn_${uuidOf(identity)}` : null;
      const { source, id, organizationId } = usage;
      const event: LedgerEvent = {
        type: 'UsageConflicted',
        data: { source, id, firstHash: first, otherHash: other, transactionId },
      };
      const { actor, requestId } = work.sender;
      batch.addEvent(event, { organizationId, bookedAt: now, actor, requestId });
      const resident = state.residents.get(organizationId);
      if (resident !== undefined) foldTime(state, resident.organization, now);
      return conflicted(transactionId);
    }
    if (past.kind === 'charge') return new ChargedOutcome('duplicate', past.charge, identity);
    if (past.event.type === 'UsageQuarantined') return quarantined(past.event.data.code, past.event.data.detail, true);
    return refusedBefore(past.event.data);
  }

  private fresh(
    work: UsageWork,
    resident: Resident,
    usage: UsageEvent,
    identity: Identity,
    now: Instant,
    redriven: PastDecision | null,
  ): UsageOutcome | null {
    const { state, batch, touched } = this.books;
    const { organization } = resident;
    const accepted = this.acceptedAt(now);
    const times = redriven === null ? accepted : { ...accepted, oldest: null };
    const quarantine = redriven?.kind === 'quarantine' ? redriven.place.revision : null;
    const { actor, requestId } = work.sender;
    const decision = untouched(() => {
      const card =
        organization.rateCard === null ? undefined : this.catalogue.rateCards.compiled(organization.rateCard);
      return decideUsage(organization, usage, card, actor.id, now, times, quarantine);
    });
    if (decision.kind === 'charge') {
      if (!this.hasRoomFor(decision.charge)) return null;
      const place = batch.placeOfCharge(now);
      batch.addCharge(decision.charge, now);
      foldCharge(state, organization, decision.charge, identity, now, place);
      checkCharged(resident, decision.charge);
      touched.charged(organization, decision.charge.wallet);
      return new ChargedOutcome('charged', decision.charge, identity);
    }
    const by = { organizationId: organization.id, bookedAt: now, actor, requestId };
    if (decision.kind === 'quarantine') {
      const { code, detail } = decision;
      if (redriven === null) {
        const add = (): number => batch.addEvent({ type: 'UsageQuarantined', data: { usage, code, detail } }, by);
        const revision = untouched(add);
        foldIdentity(state, organization, identity, now, { revision, index: 0 });
      }
      return quarantined(code, detail, redriven !== null);
    }
    const detail = `${format(decision.price)} are required, ${format(decision.available)} are available`;
    if (redriven !== null) return refusedUsage('out_of_credits', detail, decision.wallet);
    const { wallet, price, available, rate, policyVersion } = decision;
    const data = {
      ...{ usage, wallet, price, available, policyVersion, code: 'out_of_credits' },
      ...{ rateCard: rate.applied.card, rateCardVersion: rate.applied.version },
    };
    const revision = untouched(() => batch.addEvent({ type: 'UsageRefused', data }, by));
    foldIdentity(state, organization, identity, now, { revision, index: 0 });
    return refusedUsage('out_of_credits', detail, wallet);
  }

  /** False where the next append has room for it; throws where none has. */
  private hasRoomFor({ slices }: Charge): boolean {
    const bytes = bytesOfSlices(slices.length);
    const room = this.books.batch.roomFor(bytes, () => bytes);
    if (room !== 'never') return room === 'now';
    return untouched(() => {
      throw new Error(TOO_LARGE);
    });
  }

  private acceptedAt(now: Instant): AcceptedTimes {
    let times = this.times.get(now);
    if (times === undefined) {
      times = acceptedTimes(now);
      this.times.set(now, times);
    }
    return times;
  }
}
