import {
  bookedAtOf,
  createdOrganization,
  evolve,
  evolveCharge,
  type LedgerEvent,
  ledgerStream,
  type Metadata,
  type Organization,
  readLedgerEvent,
  readMetadata,
  organizationsOf,
  settleNext,
  violations,
} from '@drawdown/domain';
import { type Instant, type Position, positionOf } from '@drawdown/kernel';
import { type EventStore, pagesToEnd, type StoredEvent, Turns } from '@drawdown/ports';
import { setImmediate as nextTick } from 'node:timers/promises';
import { type AsOf, LedgerUnavailable } from './ledger';

/** Views that may wait for each other, in all and of one organization: each reads a log from its beginning. */
const VIEWS_MAX = 16;
const VIEWS_OF_ONE_MAX = 4;

/** Organizations of which it is remembered where they begin: those looked at last. */
const BEGINNINGS_MAX = 10_000;

/**
 * At which revision of their shards organizations were created, as far as somebody has looked: before it nothing is about
 * them, and the log never changes (INV-LED-2).
 */
export class Beginnings {
  private readonly revisions = new Map<string, number>();

  /** Where to begin to read; 0 where that is not known. */
  of(organizationId: string): number {
    return this.revisions.get(organizationId) ?? 0;
  }

  learn(organizationId: string, revision: number): void {
    this.revisions.delete(organizationId);
    this.revisions.set(organizationId, revision);
    for (const oldest of this.revisions.keys()) {
      if (this.revisions.size <= BEGINNINGS_MAX) return;
      this.revisions.delete(oldest);
    }
  }
}

/** How a log is read through for one organization. */
export interface Passage {
  /** Called between events: thousands of charges may have been decoded. */
  readonly letOthersGoOn?: () => Promise<unknown>;
  /** Where it is noted where organizations begin, and looked at for it. */
  readonly beginnings?: Beginnings;
}

export interface Folded {
  readonly organization: Organization;
  /** Revision up to which the log was looked at, and the booking time of the last event that counted. */
  readonly revision: number;
  readonly time: Instant;
}

const isPast = (stored: StoredEvent, metadata: Metadata, shard: number, when: When): boolean => {
  if ('position' in when) return stored.revision > (when.position.get(String(shard)) ?? -1);
  return bookedAtOf(metadata) > when.instant;
};

type When = { readonly position: Position } | { readonly instant: Instant };

/**
 * One organization folded from the log up to a position or an instant (INV-AUD-5). Events of others are passed over
 * undecoded: their metadata, or the bytes of packed charges, tell.
 */
export const foldForOrganization = async (
  store: EventStore,
  shard: number,
  organizationId: string,
  when: When,
  { letOthersGoOn = nextTick, beginnings = new Beginnings() }: Passage = {},
): Promise<Folded | undefined> => {
  const mark = Buffer.from(JSON.stringify(organizationId));
  let organization: Organization | undefined;
  let time: Instant | undefined;
  let revision = -1;
  for await (const page of pagesToEnd(store, ledgerStream(shard), beginnings.of(organizationId))) {
    for (const stored of page) {
      const metadata = readMetadata(stored.metadata);
      const about = concerns(stored, metadata, organizationId, mark);
      // By position the end is certain; by instant the clocks of others say nothing about this organization's.
      if (('position' in when || about !== null) && isPast(stored, metadata, shard, when)) {
        return folded(organization, revision, time);
      }
      revision = stored.revision;
      if (about === null) continue;
      if (about.type === 'OrganizationCreated') beginnings.learn(organizationId, revision);
      organization = apply(organization, organizationId, about, bookedAtOf(metadata));
      time = bookedAtOf(metadata);
      await letOthersGoOn();
    }
  }
  return folded(organization, revision, time);
};

/** Shows what {@link foldForOrganization} finds, as {@link Ledger.asOf} promises it. */
export const viewAsOf = async <T>(
  store: EventStore,
  shard: number,
  organizationId: string,
  when: When,
  view: (organization: Organization, now: Instant) => T,
  passage: Passage = {},
): Promise<{ readonly value: T; readonly asOf: AsOf } | undefined> => {
  const fold = () => foldForOrganization(store, shard, organizationId, when, passage);
  let found = await fold();
  if (found === undefined) return undefined;
  const now = 'instant' in when ? when.instant : found.time;
  if ('instant' in when && !(await settle(found.organization, now, passage))) found = (await fold()) ?? found;
  return {
    value: view(found.organization, now),
    asOf: { position: positionOf(shard, found.revision), time: now },
  };
};

/**
 * What was due by an instant has happened, however much later it was booked (INV-TIM-6). Nothing of this is stored. False
 * where it cannot be booked, and the organization is half changed: its shard freezes it at the first try, with its books as
 * they were stored, and counts the violation. So they are shown; the view leaves out what had ended (INV-TIM-3).
 */
const settle = async (
  organization: Organization,
  now: Instant,
  { letOthersGoOn = nextTick }: Passage,
): Promise<boolean> => {
  let booked = bookNext(organization, now);
  if (booked === 'nothing') return true;
  for (; booked === 'something'; booked = bookNext(organization, now)) await letOthersGoOn();
  return booked === 'nothing' && violations(organization).length === 0;
};

/** Books what is due next. It cannot be booked where the stored books are not what the rules make of them. */
const bookNext = (organization: Organization, now: Instant): 'something' | 'nothing' | 'impossible' => {
  try {
    const events = settleNext(organization, now);
    for (const event of events) evolve(organization, event, now);
    return events.length === 0 ? 'nothing' : 'something';
  } catch {
    return 'impossible';
  }
};

/**
 * Views of organizations as of then, one at a time: so many at once as callers like would keep a process from everything
 * else. What is too many is refused with `LedgerUnavailable`.
 */
export class PastViews {
  private readonly asked = new Map<string, number>();
  private count = 0;
  private readonly turns = new Turns();
  private readonly beginnings = new Beginnings();

  constructor(private readonly store: EventStore) {}

  async of<T>(
    shard: number,
    organizationId: string,
    when: When,
    view: (organization: Organization, now: Instant) => T,
  ): Promise<{ readonly value: T; readonly asOf: AsOf } | undefined> {
    const own = this.asked.get(organizationId) ?? 0;
    if (this.count >= VIEWS_MAX || own >= VIEWS_OF_ONE_MAX) {
      throw new LedgerUnavailable('too many balances of the past are asked for; send it again in a moment');
    }
    this.asked.set(organizationId, own + 1);
    this.count++;
    try {
      return await this.turns.run(() =>
        viewAsOf(this.store, shard, organizationId, when, view, { beginnings: this.beginnings }),
      );
    } finally {
      this.count--;
      const left = (this.asked.get(organizationId) ?? 1) - 1;
      if (left === 0) this.asked.delete(organizationId);
      else this.asked.set(organizationId, left);
    }
  }
}

const folded = (
  organization: Organization | undefined,
  revision: number,
  time: Instant | undefined,
): Folded | undefined =>
  organization === undefined || time === undefined ? undefined : { organization, revision, time };

/** The event, decoded, if it is about the organization; else null, in most cases without decoding it. */
const concerns = (
  stored: StoredEvent,
  metadata: Metadata,
  organizationId: string,
  mark: Buffer,
): LedgerEvent | null => {
  const owner = metadata.organization_id;
  const bytes = Buffer.from(stored.data.buffer, stored.data.byteOffset, stored.data.byteLength);
  if (owner === undefined ? !bytes.includes(mark) : owner !== organizationId) return null;
  const event = readLedgerEvent(stored.type, metadata.version, JSON.parse(bytes.toString('utf8')));
  if (event.type !== 'UsageCharged') return event;
  return organizationsOf(event.data).includes(organizationId) ? event : null;
};

const apply = (
  organization: Organization | undefined,
  organizationId: string,
  event: LedgerEvent,
  at: Instant,
): Organization | undefined => {
  if (event.type === 'OrganizationCreated') return createdOrganization(organizationId, event, at);
  if (organization === undefined) return undefined;
  if (event.type === 'UsageCharged') {
    for (const charge of event.data.charges) {
      if (charge.usage.organizationId === organizationId) evolveCharge(organization, charge, at);
    }
  } else if (event.type === 'UsageQuarantined' || event.type === 'UsageRefused' || event.type === 'UsageConflicted') {
    organization.lastBookedAt = at;
  } else evolve(organization, event, at);
  return organization;
};
