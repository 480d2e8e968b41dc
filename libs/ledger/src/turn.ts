import {
  acceptedTimes,
  type AcceptedTimes,
  type Actor,
  answer,
  canonicalContent,
  type Context,
  decide,
  decideUsage,
  effectsOf,
  type LedgerEvent,
  type OrganizationCommand,
  type OwnEvent,
  type RefundableCharge,
  type Refusal,
  settleNext,
  SYSTEM,
  type UsageEvent,
} from '@drawdown/domain';
import { format, type Identity, type Instant, type JsonObject, latest, positionOf, uuidOf } from '@drawdown/kernel';
import { hash as digest } from 'node:crypto';
import type { Catalogue } from './catalogue';
import { catalogueRefusal } from './catalogue-refusal';
import {
  firstDue,
  foldCharge,
  foldIdentity,
  foldOwn,
  foldTime,
  identityOfTransaction,
  rememberCommand,
  reschedule,
  type Resident,
  type ShardState,
} from './fold';
import type { Place } from './identity-index';
import { checkAfter, checkBefore, checkCharged, InvariantViolated, Touched } from './invariants';
import { type CommandResult, DecidedBefore, LedgerUnavailable, type UsageOutcome } from './ledger';
import type { MicroBatch } from './micro-batch';
import type { TakenOffsets } from './offsets';
import { refundableAt } from './refundable';
import type { PastDecision, PastDecisions } from './past-decisions';
import { ChargedOutcome, conflicted, quarantined, refusedUsage } from './usage-outcomes';
import type { CommandWork, SettleWork, UsageWork } from './work';

/** Facts that one settle work books before it lets others have their turn. */
const SETTLED_PER_TURN = 2_000;

/** Bytes that a command may add: at least, and per live lot of its organization. A charge or the end of a hold adds so many per lot. */
const COMMAND_BYTES = { least: 64 * 1024, perLot: 350 };
const BYTES_PER_LOT = 100;

/** Bytes that a provider's own usage object may take once it is written as text within text. */
const RAW_BYTES = 256 * 1024;

/** What a record of a freeze tells of the violations; the log of the process has all. */
const VIOLATIONS_KEPT = 10;
const VIOLATION_LETTERS = 500;

const frozenDetail = 'the organization is frozen: its books did not add up; an operator must look';

const hashOf = (usage: UsageEvent): string => digest('sha256', canonicalContent(usage));

const liveLots = ({ organization }: Resident): number => {
  let lots = 0;
  for (const wallet of organization.wallets) lots += wallet.live.length;
  return lots;
};

/** A command may move every live lot: release it, draw from it, and name it in its booking. */
const bytesOfCommand = (resident: Resident): number => COMMAND_BYTES.least + COMMAND_BYTES.perLot * liveLots(resident);

/**
 * True where even an answer without effects is a fact: its key may come again, or its record, which must not be decided
 * otherwise then (INV-LED-6). Of an organization that does not exist nothing is kept: the command that makes it comes
 * after this one in the same partition.
 */
const leavesAnAnswer = ({ idempotency, source }: CommandWork): boolean => idempotency !== null || source !== null;

/** The figure "an organization that is not there yet" for the one command that begins it. */
const UNBORN = { status: 'active' } as Resident['organization'];

/**
 * One turn of a shard: decides works one after the other on the state in memory and gathers the facts in one batch.
 * It never waits; what it needs from the log was fetched before.
 */
export class Turn {
  private readonly times = new Map<Instant, AcceptedTimes>();
  /** What has moved: checked before the batch is stored. */
  readonly touched = new Touched();

  constructor(
    private readonly shard: number,
    private readonly state: ShardState,
    private readonly batch: MicroBatch,
    private readonly past: PastDecisions,
    private readonly catalogue: Catalogue,
    private readonly machineNow: Instant,
    /** By organization; those that could not be recorded, too. */
    private readonly frozen: ReadonlyMap<string, InvariantViolated>,
    private readonly taken: TakenOffsets,
  ) {}

  /** The time by which an organization lives. Booking times never go back, whatever the clock does (INV-TIM-1). */
  nowFor({ organization }: Resident): Instant {
    if (organization.testClock === null) return latest(this.machineNow, this.state.bookedAt);
    const clock = this.catalogue.testClock(organization.testClock);
    return clock === undefined ? organization.lastBookedAt : latest(clock.now, organization.lastBookedAt);
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

  private isFrozen(organizationId: string): boolean {
    return this.frozen.has(organizationId) || this.state.organization(organizationId)?.frozen === true;
  }

  // ---- time

  /** Books what is due for one organization at `now`; false where the batch is full before all of it is. */
  private settle(resident: Resident, now: Instant): boolean {
    while (resident.due !== null && resident.due <= now) {
      if (!this.hasRoomToSettle(resident)) return false;
      this.settleOnce(resident, now);
    }
    return true;
  }

  /** Whether what is due next fits into this append: the end of a hold gives something back to each of its lots. */
  private hasRoomToSettle(resident: Resident): boolean {
    return !this.batch.isFull && this.batch.hasRoomFor(BYTES_PER_LOT * liveLots(resident));
  }

  /** Books the next due instant's facts. An organization for which that fails is frozen: it would fail for ever. */
  private settleOnce(resident: Resident, now: Instant): number {
    const { id } = resident.organization;
    try {
      const events = settleNext(resident.organization, now);
      // Charges may have used up what was due.
      if (events.length === 0) reschedule(this.state, resident);
      this.book(id, events, now, SYSTEM, null);
      return events.length;
    } catch (error) {
      if (error instanceof InvariantViolated) throw error;
      throw new InvariantViolated(id, [`what is due cannot be settled: ${String(error)}`], { cause: error });
    }
  }

  /** Books what is due on a clock, in the order of the due instants; true where nothing is left. */
  settleClock({ clock }: SettleWork): boolean {
    let settled = 0;
    for (;;) {
      const first = firstDue(this.state, clock, this.frozen);
      if (first === null) return true;
      const { due, resident } = first;
      const now = this.nowFor(resident);
      if (due > now) return true;
      if (settled >= SETTLED_PER_TURN || !this.hasRoomToSettle(resident)) return false;
      // The entry stays where the same instant has more to settle, and is out of date where it has not.
      settled += this.settleOnce(resident, now);
    }
  }

  // ---- commands

  /** Decides one command; null where it must wait for the next turn: what it needs is not there, or has no room. */
  command(work: CommandWork): CommandResult | Error | null {
    const { organizationId, command } = work;
    if (this.isFrozen(organizationId)) return new LedgerUnavailable(frozenDetail);
    if (!this.isFetched(work)) return null;
    const replay = this.replay(work);
    if (replay !== null) return replay;
    if (work.source !== null && this.taken.has(work.source)) {
      return new DecidedBefore('it was decided before; send it again with the same key to see how');
    }
    const resident = this.state.residents.get(organizationId);
    const refusal = this.impossible(resident, command, organizationId);
    if (refusal !== null) return this.refused(work, resident, refusal);
    const now = resident === undefined ? this.bornAt(command) : this.nowFor(resident);
    if (resident !== undefined && !this.settle(resident, now)) return null;
    if (resident !== undefined && !this.batch.hasRoomFor(bytesOfCommand(resident))) return null;
    const context: Context = { now, commandId: work.commandId };
    const complete = this.withCharge(command, organizationId);
    const decision = decide(resident?.organization ?? UNBORN, complete, context);
    if (!decision.accepted) return this.refused(work, resident, decision.refusal, decision.events);
    this.book(organizationId, decision.events, now, work.sender.actor, work.sender.requestId);
    const after = this.state.residents.get(organizationId);
    if (after === undefined) throw new Error(`${organizationId} is not there after ${command.type}`);
    const document = answer(after.organization, complete, decision.events, context);
    if (decision.events.length === 0 && leavesAnAnswer(work)) this.bookAnswered(work, now, null, '');
    this.remember(work, true, document);
    const position = positionOf(this.shard, this.batch.isEmpty ? this.state.revision : this.batch.lastRevision);
    this.settle(after, now);
    return { accepted: true, answer: document, position, replayed: false };
  }

  private isFetched({ organizationId, command, idempotency }: CommandWork): boolean {
    const remembered = idempotency && this.state.commands.get(`${organizationId}\n${idempotency.key}`);
    if (remembered && !this.past.has(remembered.revision, this.batch)) return false;
    return (
      command.type !== 'RefundCharge' || this.areFetched(this.places(identityOfTransaction(command.transactionId)))
    );
  }

  private places(identity: Identity): readonly Place[] {
    return this.state.identities.find(identity);
  }

  private areFetched(places: readonly Place[]): boolean {
    return places.every(({ revision }) => this.past.has(revision, this.batch));
  }

  /** The first answer under this key, if there was one (INV-INT-8). */
  private replay({ organizationId, idempotency }: CommandWork): CommandResult | null {
    if (idempotency === null) return null;
    const remembered = this.state.commands.get(`${organizationId}\n${idempotency.key}`);
    if (remembered === undefined) return null;
    if (remembered.hash !== idempotency.hash) return { accepted: false, keyReused: true };
    const { revision } = remembered;
    const record = this.batch.at(revision)?.draft.command ?? this.past.event(revision)?.command;
    if (record?.key !== idempotency.key)
      throw new Error(`no answer at revision ${String(revision)} for a remembered key`);
    return record.accepted
      ? {
          accepted: true,
          answer: record.answer as JsonObject,
          position: positionOf(this.shard, revision),
          replayed: true,
        }
      : { accepted: false, refusal: record.answer as Refusal, replayed: true };
  }

  private impossible(resident: Resident | undefined, command: OrganizationCommand, id: string): Refusal | null {
    if (command.type === 'CreateOrganization' && resident !== undefined) {
      return { code: 'already_exists', pointer: '/id', detail: `${id} exists already` };
    }
    if (command.type !== 'CreateOrganization' && resident === undefined) {
      return { code: 'not_found', detail: 'there is no such organization' };
    }
    return catalogueRefusal(this.catalogue, id, command);
  }

  private bornAt(command: OrganizationCommand): Instant {
    const clock = command.type === 'CreateOrganization' && command.testClock !== null ? command.testClock : null;
    const testNow = clock === null ? undefined : this.catalogue.testClock(clock)?.now;
    return testNow ?? latest(this.machineNow, this.state.bookedAt);
  }

  private refused(
    work: CommandWork,
    resident: Resident | undefined,
    refusal: Refusal,
    onRecord: readonly OwnEvent[] = [],
  ): CommandResult {
    const isKept = refusal.untraced === true ? work.source !== null : leavesAnAnswer(work);
    if (resident !== undefined && (onRecord.length > 0 || isKept)) {
      const { actor, requestId } = work.sender;
      const now = this.nowFor(resident);
      if (onRecord.length > 0) this.book(work.organizationId, onRecord, now, actor, requestId);
      else this.bookAnswered(work, now, refusal.code, refusal.detail);
      this.remember(work, false, refusal as unknown as JsonObject);
    }
    return { accepted: false, refusal, replayed: false };
  }

  private bookAnswered(work: CommandWork, now: Instant, code: string | null, detail: string): void {
    const event: OwnEvent = { type: 'CommandAnswered', data: { command: work.command.type, code, detail } };
    this.book(work.organizationId, [event], now, work.sender.actor, work.sender.requestId);
  }

  private remember({ organizationId, idempotency }: CommandWork, accepted: boolean, document: JsonObject): void {
    const revision = this.batch.lastRevision;
    const bookedAt = this.batch.at(revision)?.draft.bookedAt;
    if (idempotency === null || bookedAt === undefined) return;
    const { key, hash } = idempotency;
    this.batch.remember(revision, { key, hash, accepted, answer: document });
    rememberCommand(this.state, organizationId, { key, hash }, bookedAt, revision);
  }

  /** A refund is decided on the charge as the log has it. */
  private withCharge(command: OrganizationCommand, organizationId: string): OrganizationCommand {
    if (command.type !== 'RefundCharge') return command;
    // What the index has forgotten was looked for before.
    return { ...command, charge: this.refundable(command.transactionId, organizationId) ?? command.charge };
  }

  private refundable(transactionId: string, organizationId: string): RefundableCharge | null {
    for (const place of this.places(identityOfTransaction(transactionId))) {
      const found = refundableAt(place, transactionId, organizationId, this.batch, this.past);
      if (found !== null) return found;
    }
    return null;
  }

  private book(
    id: string,
    events: readonly OwnEvent[],
    bookedAt: Instant,
    actor: Actor,
    requestId: string | null,
  ): void {
    for (const event of events) {
      const bookings = effectsOf(event).bookings;
      for (const booking of bookings) checkBefore(this.state.residents.get(id), booking);
      const revision = this.batch.addEvent(event, { organizationId: id, bookedAt, actor, requestId });
      foldOwn(this.state, id, event, bookedAt, revision);
      for (const booking of bookings) checkAfter(this.state.residents.get(id), booking);
    }
    const resident = this.state.residents.get(id);
    if (resident !== undefined) this.touched.all(resident.organization);
  }

  // ---- usage

  /** Decides one usage event; each stands for itself (INV-INT-9). Null where it must wait for the next turn. */
  usage(work: UsageWork, usage: UsageEvent, identity: Identity): UsageOutcome | null {
    if (this.frozen.has(usage.organizationId)) return refusedUsage('unavailable', frozenDetail);
    const resident = this.state.residents.get(usage.organizationId);
    if (resident === undefined) return refusedUsage('organization_not_found', 'there is no such organization');
    const { organization } = resident;
    if (organization.frozen) return refusedUsage('unavailable', frozenDetail);
    if (organization.status === 'closed') return refusedUsage('organization_closed', 'the organization is closed');
    const now = this.nowFor(resident);
    if (resident.due !== null && resident.due <= now && !this.settle(resident, now)) return null;
    const places = this.places(identity);
    if (places.length > 0 && !this.areFetched(places)) return null;
    if (!this.batch.hasRoomFor(usage.raw === null ? BYTES_PER_LOT * liveLots(resident) : RAW_BYTES)) return null;
    const past = places.length === 0 ? null : this.past.about(usage, places, now, this.batch);
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
    const [first, other] = [hashOf(past.usage), hashOf(usage)];
    if (first !== other) {
      const transactionId = past.kind === 'charge' ? `txn_${uuidOf(identity)}` : null;
      const { source, id, organizationId } = usage;
      const event: LedgerEvent = {
        type: 'UsageConflicted',
        data: { source, id, firstHash: first, otherHash: other, transactionId },
      };
      const { actor, requestId } = work.sender;
      this.batch.addEvent(event, { organizationId, bookedAt: now, actor, requestId });
      const resident = this.state.residents.get(organizationId);
      if (resident !== undefined) foldTime(this.state, resident.organization, now);
      return conflicted(transactionId);
    }
    if (past.kind === 'charge') return new ChargedOutcome('duplicate', past.charge, identity);
    if (past.event.type === 'UsageQuarantined') return quarantined(past.event.data.code, past.event.data.detail, true);
    return refusedUsage(past.event.data.code, 'refused before', past.event.data.wallet, true);
  }

  private fresh(
    work: UsageWork,
    resident: Resident,
    usage: UsageEvent,
    identity: Identity,
    now: Instant,
    redriven: PastDecision | null,
  ): UsageOutcome {
    const { organization } = resident;
    const card = organization.rateCard === null ? undefined : this.catalogue.compiledCard(organization.rateCard);
    const times = redriven === null ? this.acceptedAt(now) : null;
    const quarantine = redriven?.kind === 'quarantine' ? redriven.place.revision : null;
    const decision = decideUsage(organization, usage, card, work.sender.actor.id, now, times, quarantine);
    if (decision.kind === 'charge') {
      const place = this.batch.placeOfCharge(now);
      this.batch.addCharge(decision.charge, now);
      foldCharge(this.state, organization, decision.charge, identity, now, place);
      checkCharged(resident, decision.charge);
      this.touched.charged(organization, decision.charge.wallet);
      return new ChargedOutcome('charged', decision.charge, identity);
    }
    const { actor, requestId } = work.sender;
    const by = { organizationId: organization.id, bookedAt: now, actor, requestId };
    if (decision.kind === 'quarantine') {
      const { code, detail } = decision;
      if (redriven === null) {
        const revision = this.batch.addEvent({ type: 'UsageQuarantined', data: { usage, code, detail } }, by);
        foldIdentity(this.state, organization, identity, now, { revision, index: 0 });
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
    const revision = this.batch.addEvent({ type: 'UsageRefused', data }, by);
    foldIdentity(this.state, organization, identity, now, { revision, index: 0 });
    return refusedUsage('out_of_credits', detail, wallet);
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
