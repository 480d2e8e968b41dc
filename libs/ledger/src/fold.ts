import {
  type Charge,
  createdOrganization,
  effectsOf,
  evolve,
  evolveCharge,
  type LedgerEvent,
  type Metadata,
  nextDue,
  type Organization,
  type OwnEvent,
  type UsageEvent,
} from '@drawdown/domain';
import { type Identity, identityOf, identityWith, type Instant, latest, organizationNamespace } from '@drawdown/kernel';
import { DueQueue } from './due-queue';
import { forgottenBefore, IdentityIndex, type Place } from './identity-index';

/**
 * Raised with every change of what the fold makes of an event, or of the form in which a snapshot keeps it: snapshots of
 * another version are ignored. 5: what becomes due of an organization is listed, and what was refunded of a charge is kept
 * by when it was booked, too. 6: a snapshot is in parts. 7: a lot knows why what holds give back of it is voided, a hold which
 * of its parts had expired. 8: a wallet lists the lots that are used up since the last of their type began.
 */
export const FOLD_VERSION = 8;

/** An organization with what the shard keeps beside it. */
export interface Resident {
  readonly organization: Organization;
  /** When something is due for it next; null where nothing is. */
  due: Instant | null;
  /** Of the ids of its charges; made when the first one is. */
  namespace: Buffer | null;
  /** Number of the last snapshot that has it, or does not have to: it was begun before the organization was created. */
  cut: number;
}

/** By what a usage event is known, whoever reports it how often. */
export const identityFor = (
  state: ShardState,
  { organizationId, source, id }: Pick<UsageEvent, 'organizationId' | 'source' | 'id'>,
): Identity => {
  const resident = state.residents.get(organizationId);
  if (resident === undefined) return identityOf(organizationNamespace(organizationId), source, id);
  resident.namespace ??= organizationNamespace(organizationId);
  return identityOf(resident.namespace, source, id);
};

/** A command that was answered under a key. */
export interface RememberedCommand {
  readonly hash: string;
  /** Revision of the event whose metadata has the answer. */
  readonly revision: number;
  readonly bookedAt: Instant;
}

/** A snapshot of a state that is being written while the state changes. */
export interface Cut {
  /** Told before anything of an organization changes. */
  before(organizationId: string): void;
  /** A turn of the shard begins; it ends with the decision after which this has had much to write. */
  beginTurn(): void;
  readonly isTurnFull: boolean;
  /** Nobody waits for it any more, or the state is dropped. */
  end(): void;
}

/** Everything a shard's owner knows; all of it follows from the shard's stream. */
export class ShardState {
  readonly residents = new Map<string, Resident>();
  /** Idempotency keys, `organization LF key`, oldest first. */
  readonly commands = new Map<string, RememberedCommand>();
  identities = new IdentityIndex();
  /** Latest event time priced, per card and version. */
  readonly lastPriced = new Map<string, Map<number, Instant>>();
  /** Source offsets taken in: topic → partition → offset. */
  readonly offsets = new Map<string, Map<string, number>>();
  /** What is due, per clock; '' is the machine's. */
  readonly due = new Map<string, DueQueue>();
  /** The snapshot that is being written of it, if one is. */
  cut: Cut | null = null;
  /** Snapshots begun. */
  cuts = 0;
  /** Revision of the last event. */
  revision = -1;
  /** Hash of the last event. */
  hash: Buffer = Buffer.alloc(32);
  /** Latest booking time by the machine's clock: it never goes back within a shard (INV-TIM-1). */
  bookedAt: Instant = '0001-01-01T00:00:00.000000Z' as Instant;

  organization(id: string): Organization | undefined {
    return this.residents.get(id)?.organization;
  }
}

/** Entries of a due queue per organization, and at least, before those out of date are dropped. */
const DUE_ENTRIES = { each: 4, least: 64 };

/**
 * Works out when something is due next, after anything but a charge: charges only use up what has a due instant, so
 * that nothing may be due any more when it comes.
 */
export const reschedule = (state: ShardState, resident: Resident): void => {
  const due = nextDue(resident.organization);
  if (due === resident.due) return;
  resident.due = due;
  if (due === null) return;
  const clock = resident.organization.testClock ?? '';
  let queue = state.due.get(clock);
  if (queue === undefined) {
    queue = new DueQueue();
    state.due.set(clock, queue);
  }
  queue.push(due, resident.organization.id);
  // Holds that come and go leave entries behind that lie far ahead.
  if (queue.size > DUE_ENTRIES.least + DUE_ENTRIES.each * state.residents.size) queue.refill(dueOn(state, clock));
};

function* dueOn(state: ShardState, clock: string): Iterable<{ due: Instant; organizationId: string }> {
  for (const { organization, due } of state.residents.values()) {
    if (due !== null && (organization.testClock ?? '') === clock) yield { due, organizationId: organization.id };
  }
}

/**
 * For whom something is due first on a clock ('' is the machine's), and when. Entries that are out of date are dropped,
 * and those of organizations that are frozen: nothing is booked for them.
 */
export const firstDue = (
  state: ShardState,
  clock: string,
  frozen: ReadonlyMap<string, unknown>,
): { readonly due: Instant; readonly resident: Resident } | null => {
  const queue = state.due.get(clock);
  for (let first = queue?.peek(); first !== undefined; first = queue?.peek()) {
    const { due, organizationId } = first;
    const resident = state.residents.get(organizationId);
    if (resident?.due === due && !frozen.has(organizationId)) return { due, resident };
    queue?.pop();
  }
  return null;
};

/** Puts an event about one organization into the state. */
export const foldOwn = (
  state: ShardState,
  organizationId: string,
  event: OwnEvent,
  bookedAt: Instant,
  revision: number,
): void => {
  let resident = state.residents.get(organizationId);
  if (event.type === 'OrganizationCreated') {
    const organization = createdOrganization(organizationId, event, bookedAt);
    resident = { organization, due: null, namespace: null, cut: state.cuts };
    state.residents.set(organizationId, resident);
  } else {
    if (resident === undefined) throw new Error(`${event.type} for ${organizationId}, which was never created`);
    state.cut?.before(organizationId);
    evolve(resident.organization, event, bookedAt);
    reschedule(state, resident);
  }
  const { organization } = resident;
  const lasting = organization.testClock !== null;
  for (const [index, { transactionId }] of effectsOf(event).bookings.entries()) {
    state.identities.insert(identityOfTransaction(transactionId), { revision, index }, bookedAt, lasting);
  }
  if (!lasting) state.bookedAt = latest(state.bookedAt, bookedAt);
};

/** The identity of a transaction's id; that of no transaction for a text that is none. */
export const identityOfTransaction = (transactionId: string): Identity =>
  identityWith(transactionId.replace(/^txn_/, ''));

/** Puts a charge into the state. `identity` is that of its usage event. */
export const foldCharge = (
  state: ShardState,
  organization: Organization,
  charge: Charge,
  identity: Identity,
  bookedAt: Instant,
  place: Place,
): void => {
  state.cut?.before(organization.id);
  evolveCharge(organization, charge, bookedAt);
  const lasting = organization.testClock !== null;
  if (charge.redriven === null) state.identities.insert(identity, place, bookedAt, lasting);
  else state.identities.replace(identity, { revision: charge.redriven, index: 0 }, place, bookedAt, lasting);
  const { card, version } = charge.rate;
  let versions = state.lastPriced.get(card);
  if (versions === undefined) {
    versions = new Map();
    state.lastPriced.set(card, versions);
  }
  const last = versions.get(version);
  if (last === undefined || last < charge.usage.time) versions.set(version, charge.usage.time);
  if (!lasting && state.bookedAt < bookedAt) state.bookedAt = bookedAt;
};

/** Remembers the identity of usage that was quarantined or refused. */
export const foldIdentity = (
  state: ShardState,
  organization: Organization,
  identity: Identity,
  bookedAt: Instant,
  place: Place,
): void => {
  state.identities.insert(identity, place, bookedAt, organization.testClock !== null);
  foldTime(state, organization, bookedAt);
};

/** Something was booked that moves nothing but time (INV-TIM-1). */
export const foldTime = (state: ShardState, organization: Organization, bookedAt: Instant): void => {
  state.cut?.before(organization.id);
  organization.lastBookedAt = bookedAt;
  if (organization.testClock === null) state.bookedAt = latest(state.bookedAt, bookedAt);
};

/** Puts a stored event into the state, as the shard's owner did when it was decided. */
export const foldStored = (
  state: ShardState,
  event: LedgerEvent,
  metadata: Metadata,
  bookedAt: Instant,
  revision: number,
): void => {
  switch (event.type) {
    case 'UsageCharged':
      for (const [index, charge] of event.data.charges.entries()) {
        const organization = known(state, charge.usage.organizationId);
        const identity = identityFor(state, charge.usage);
        foldCharge(state, organization, charge, identity, bookedAt, { revision, index });
      }
      break;
    case 'UsageQuarantined':
    case 'UsageRefused': {
      const { usage } = event.data;
      const organization = known(state, usage.organizationId);
      const identity = identityFor(state, usage);
      foldIdentity(state, organization, identity, bookedAt, { revision, index: 0 });
      break;
    }
    case 'UsageConflicted':
      foldTime(state, known(state, ownerOf(event, metadata)), bookedAt);
      break;
    default:
      foldOwn(state, ownerOf(event, metadata), event, bookedAt, revision);
  }
  const { command, organization_id: organizationId } = metadata;
  if (command !== undefined && organizationId !== undefined) {
    rememberCommand(state, organizationId, command, bookedAt, revision);
  }
  foldHead(state, metadata, revision);
};

const ownerOf = (event: LedgerEvent, metadata: Metadata): string => {
  if (metadata.organization_id === undefined) throw new Error(`${event.type} names no organization`);
  return metadata.organization_id;
};

/** How many of the oldest keys are looked at when one is added: enough that the forgotten ones go as fast as new ones come. */
const KEYS_LOOKED_AT = 4;

/** Remembers under which key a command was answered; keys past the remembered time go (those of test clocks stay). */
export const rememberCommand = (
  state: ShardState,
  organizationId: string,
  { key, hash }: { readonly key: string; readonly hash: string },
  bookedAt: Instant,
  revision: number,
): void => {
  state.commands.set(`${organizationId}\n${key}`, { hash, revision, bookedAt });
  const horizon = forgottenBefore(state.bookedAt);
  let looked = 0;
  for (const [oldest, command] of state.commands) {
    if (++looked > KEYS_LOOKED_AT) return;
    const owner = state.organization(oldest.slice(0, oldest.indexOf('\n')));
    const lasting = owner !== undefined && owner.testClock !== null;
    if (!lasting && command.bookedAt > horizon) return;
    state.commands.delete(oldest);
    // A test clock's time says nothing about age: its keys go to the end, so that they hide no others.
    if (lasting) state.commands.set(oldest, command);
  }
};

const known = (state: ShardState, organizationId: string): Organization => {
  const organization = state.organization(organizationId);
  if (organization === undefined) throw new Error(`usage of ${organizationId}, which was never created`);
  return organization;
};

/** What the last event of an append adds to the state: the source offsets, head and hash. */
export const foldHead = (state: ShardState, { offsets, hash }: Metadata, revision: number): void => {
  for (const [topic, partitions] of Object.entries(offsets ?? {})) {
    const known = state.offsets.get(topic) ?? new Map<string, number>();
    state.offsets.set(topic, known);
    for (const [partition, offset] of Object.entries(partitions)) known.set(partition, offset);
  }
  state.revision = revision;
  state.hash = Buffer.from(hash, 'hex');
};
