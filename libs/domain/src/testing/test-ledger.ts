import { credits, derivedId, type Instant, type JsonObject } from '@drawdown/kernel';
import { isDeepStrictEqual } from 'node:util';
import { type Charge, effectsOf, type LedgerEvent, type OwnEvent, type UsageEvent } from '../events';
import { readLedgerEvent, writeLedgerEvent } from '../events';
import { acceptedTimes, decideUsage, type UsageDecision } from '../metering/charge';
import { answer, decide, settleNext } from '../organization/rules';
import type { Preset } from '../presets/preset';
import type { CompiledCard } from '../rating/compiled-card';
import type { OrganizationCommand, RefundableCharge, Refusal } from '../wallet/commands';
import { createdOrganization, evolve, evolveCharge } from '../wallet/evolve';
import { bookingViolations, violations } from '../wallet/invariants';
import { type Organization, walletOf } from '../wallet/state';
import { card, ORGANIZATION, preset, START } from './builders';

/** A fact as it was booked: an event of the organization, or one charge. */
export type Fact =
  | { readonly kind: 'event'; readonly event: OwnEvent; readonly at: Instant }
  | { readonly kind: 'charge'; readonly charge: Charge; readonly at: Instant };

export type CommandOutcome =
  | { readonly accepted: true; readonly events: readonly OwnEvent[]; readonly answer: JsonObject }
  | { readonly accepted: false; readonly refusal: Refusal; readonly events?: readonly OwnEvent[] };

/** Throws where the books of an organization do not add up. */
export const checkInvariants = (organization: Organization): void => {
  const found = violations(organization);
  if (found.length > 0) throw new Error(found.join('\n'));
};

/** What was written is read back the same, as it must be after every append. */
const mustBeReadable = (event: LedgerEvent): void => {
  const { version, stored } = writeLedgerEvent(event);
  const read = readLedgerEvent(event.type, version, JSON.parse(JSON.stringify(stored)));
  if (!isDeepStrictEqual(read, event)) throw new Error(`${event.type} is not read back as it was written`);
};

/** The charge as a refund needs it, worked out from the log. */
export const refundableOf = (log: readonly Fact[], transactionId: string): RefundableCharge | null => {
  for (const fact of log) {
    if (fact.kind === 'charge') {
      const { charge, at: bookedAt } = fact;
      if (transactionId !== idOfCharge(charge)) continue;
      const { wallet, slices, debt } = charge;
      const charged = credits(charge.price - charge.uncovered);
      return { transactionId, wallet, charged, slices, debt, bookedAt, refundable: true };
    }
    for (const booking of effectsOf(fact.event).bookings) {
      if (booking.transactionId !== transactionId) continue;
      const { wallet, debited: charged, slices, debt, kind } = booking;
      return { transactionId, wallet, charged, slices, debt, bookedAt: fact.at, refundable: kind === 'consumption' };
    }
  }
  return null;
};

/** Tests name a charge by the id of its usage event. */
export const idOfCharge = (charge: Charge): string => `txn_of_${charge.usage.id}`;

/** What is stored of facts, as text and back: events one by one, consecutive charges of one instant packed, `pack` at most. */
export const stored = (log: readonly Fact[], pack = 1): Fact[] => {
  const read: Fact[] = [];
  for (let n = 0; n < log.length;) {
    const first = log[n];
    if (first === undefined) break;
    const { at } = first;
    const charges: Charge[] = [];
    for (let fact = first; fact.kind === 'charge' && fact.at === at && charges.length < pack;) {
      charges.push(fact.charge);
      const next = log[++n];
      if (next === undefined) break;
      fact = next;
    }
    const event: LedgerEvent = first.kind === 'event' ? first.event : { type: 'UsageCharged', data: { charges } };
    if (first.kind === 'event') n++;
    const { version, stored: json } = writeLedgerEvent(event);
    const again = readLedgerEvent(event.type, version, JSON.parse(JSON.stringify(json)));
    if (again.type === 'UsageCharged') {
      read.push(...again.data.charges.map((charge): Fact => ({ kind: 'charge', charge, at })));
    } else read.push({ kind: 'event', event: again as OwnEvent, at });
  }
  return read;
};

/** The state that facts add up to, from scratch or on top of a state (which is changed). */
export const replay = (log: readonly Fact[], onto?: Organization, id = ORGANIZATION): Organization => {
  let organization = onto;
  for (const fact of log) {
    if (fact.kind === 'event' && fact.event.type === 'OrganizationCreated') {
      organization = createdOrganization(id, fact.event, fact.at);
    } else if (organization === undefined) {
      throw new Error('the log does not begin with the creation of the organization');
    } else if (fact.kind === 'event') evolve(organization, fact.event, fact.at);
    else evolveCharge(organization, fact.charge, fact.at);
  }
  if (organization === undefined) throw new Error('the log is empty');
  return organization;
};

/**
 * One organization in memory with everything that was booked: decides as the ledger does (what is due first, then the
 * command, then what that made due) and checks after every fact that the books add up and that it can be stored.
 */
export class TestLedger {
  readonly organization: Organization;
  readonly log: Fact[] = [];
  now: Instant;
  card: CompiledCard | undefined;
  /** What tests call the lots and holds that commands made. */
  readonly names = new Map<string, string>();
  private readonly transactionIds = new Set<string>();
  private commands = 0;

  constructor(settings: { preset?: Preset; now?: Instant; card?: CompiledCard | undefined; id?: string } = {}) {
    const { preset: chosen = preset(), now = START, id = ORGANIZATION } = settings;
    this.now = now;
    this.card = 'card' in settings ? settings.card : card();
    const command = { type: 'CreateOrganization', name: 'Test', preset: chosen, plan: null, testClock: null } as const;
    const decision = decide({ status: 'active' } as Organization, command, { now, commandId: 'create' });
    const event = decision.accepted ? decision.events[0] : undefined;
    if (event?.type !== 'OrganizationCreated') throw new Error('the organization was not created');
    this.organization = createdOrganization(id, event, now);
    mustBeReadable(event);
    this.log.push({ kind: 'event', event, at: now });
  }

  /** Moves the clock and books what became due. */
  advance(to: Instant): void {
    if (to < this.now) throw new Error(`time goes back from ${this.now} to ${to}`);
    this.now = to;
    this.settle();
  }

  /** Books everything due now. */
  settle(): void {
    for (;;) {
      const events = settleNext(this.organization, this.now);
      if (events.length === 0) return;
      for (const event of events) this.book(event);
    }
  }

  /** Runs a command; the ids it makes follow from `commandId`. */
  run(command: OrganizationCommand, commandId = `command-${String(++this.commands)}`): CommandOutcome {
    this.settle();
    for (const kind of ['lot', 'hold']) this.names.set(derivedId(kind, this.organization.id, commandId), commandId);
    const context = { now: this.now, commandId };
    const decision = decide(this.organization, this.withCharge(command), context);
    if (!decision.accepted) {
      for (const event of decision.events ?? []) this.book(event);
      return decision;
    }
    for (const event of decision.events) this.book(event);
    const told = answer(this.organization, command, decision.events, context);
    this.settle();
    return { accepted: true, events: decision.events, answer: told };
  }

  /** Charges usage as an event of now, unless it says otherwise. */
  charge(event: UsageEvent): UsageDecision {
    this.settle();
    const times = acceptedTimes(this.now);
    const decision = decideUsage(this.organization, event, this.card, 'key_test', this.now, times);
    if (decision.kind === 'charge') {
      mustBeReadable({ type: 'UsageCharged', data: { charges: [decision.charge] } });
      const wallet = walletOf(this.organization, decision.charge.wallet);
      mustBe(decision.charge.sequence === wallet.sequence + 1, 'INV-LED-1: the number of a charge does not follow on');
      mustBe(decision.charge.balanceBefore === wallet.settled, 'INV-LED-1: balance_before of a charge is not settled');
      evolveCharge(this.organization, decision.charge, this.now);
      mustBe(decision.charge.balanceAfter === wallet.settled, 'INV-LED-1: balance_after of a charge is not settled');
      this.log.push({ kind: 'charge', charge: decision.charge, at: this.now });
      checkInvariants(this.organization);
    }
    this.settle();
    return decision;
  }

  /** Puts a fact into the books as it is, without a decision. */
  book(event: OwnEvent): void {
    mustBeReadable(event);
    const { bookings } = effectsOf(event);
    const broken = bookings.flatMap((booking) =>
      bookingViolations(walletOf(this.organization, booking.wallet), booking),
    );
    mustBe(broken.length === 0, broken.join('\n'));
    for (const { transactionId } of bookings) {
      mustBe(!this.transactionIds.has(transactionId), `${event.type} has the id of another transaction`);
      this.transactionIds.add(transactionId);
    }
    evolve(this.organization, event, this.now);
    for (const booking of bookings) {
      const { settled } = walletOf(this.organization, booking.wallet);
      mustBe(booking.balanceAfter === settled, `INV-LED-1: ${event.type} leaves another balance than it says`);
    }
    this.log.push({ kind: 'event', event, at: this.now });
    checkInvariants(this.organization);
  }

  /** The same after a restart: nothing is known but what was stored. */
  restarted(pack = 1): TestLedger {
    const organization = replay(stored(this.log, pack), undefined, this.organization.id);
    const copy = Object.create(TestLedger.prototype) as TestLedger;
    const transactionIds = new Set(this.transactionIds);
    return Object.assign(copy, this, { organization, log: [...this.log], names: new Map(this.names), transactionIds });
  }

  /** The id of the lot or hold that the command of this name made, or the name itself where it is one. */
  idOf(kind: 'lot' | 'hold', name: string): string {
    const known = kind === 'lot' ? this.organization.lots : this.organization.holds;
    return known.has(name) ? name : derivedId(kind, this.organization.id, name);
  }

  private withCharge(command: OrganizationCommand): OrganizationCommand {
    if (command.type !== 'RefundCharge') return command;
    return { ...command, charge: refundableOf(this.log, command.transactionId) };
  }
}

const mustBe = (holds: boolean, otherwise: string): void => {
  if (!holds) throw new Error(otherwise);
};
