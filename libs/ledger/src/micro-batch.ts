import {
  type Actor,
  type Charge,
  ChargeColumns,
  type CommandRecord,
  type LedgerEvent,
  SYSTEM,
  writeLedgerEvent,
} from '@drawdown/domain';
import type { Instant, Json } from '@drawdown/kernel';
import { APPEND_BYTES_MAX } from '@drawdown/ports';
import type { Place } from './identity-index';

/** Room for what is not counted: source offsets, JSON's own signs. */
const HEADROOM_BYTES = 40 * 1024;

/** Bytes of an event's type and of its metadata, but for what callers put there. */
const EVENT_BYTES = 250;

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Who caused an event, and when; all of it is stored with each. */
export interface Caused {
  readonly organizationId: string;
  readonly bookedAt: Instant;
  readonly actor: Actor;
  readonly requestId: string | null;
}

const bytesOfEvent = (stored: Json, by: Caused): number => EVENT_BYTES + bytesOf(stored) + bytesOf(by);

/** Bytes that these events will take in an append. */
export const bytesOfEvents = (events: readonly LedgerEvent[], by: Caused): number =>
  events.reduce((bytes, event) => bytes + bytesOfEvent(writeLedgerEvent(event).stored, by), 0);

/** Bytes at which a micro-batch is closed between two decisions. */
const BATCH_BYTES_MAX = APPEND_BYTES_MAX - HEADROOM_BYTES;

export const TOO_LARGE = 'the decision is too large for one append';

/** Charges at which it is closed: more would make others wait for longer than they save. */
const BATCH_CHARGES_MAX = 5_000;

/** An event decided but not yet stored; its revision is the batch's first plus its place. */
export interface Draft {
  readonly type: LedgerEvent['type'];
  readonly version: number;
  readonly organizationId: string | null;
  readonly bookedAt: Instant;
  readonly actor: Actor;
  readonly requestId: string | null;
  /** The stored form; charges are gathered until the batch is closed. */
  readonly stored: Json | ChargeColumns;
  /** Null for gathered charges. */
  readonly event: LedgerEvent | null;
  command: CommandRecord | null;
}

/** Everything that one append will hold, in the order in which it was decided. */
export class MicroBatch {
  readonly drafts: Draft[] = [];
  /** The charges of gathered drafts, by revision. */
  private readonly charges = new Map<number, Charge[]>();
  private open: { readonly columns: ChargeColumns; readonly charges: Charge[]; readonly bookedAt: Instant } | null =
    null;
  private closedBytes = 0;
  chargeCount = 0;

  constructor(
    /** Revision that the first event will get. */
    readonly base: number,
    /** True where the turn has had so much to do beside the batch that it must end. */
    private readonly mustEnd: () => boolean = () => false,
  ) {}

  get isEmpty(): boolean {
    return this.drafts.length === 0;
  }

  get bytes(): number {
    return this.closedBytes + (this.open?.columns.bytes ?? 0);
  }

  /** False where a decision of up to so many bytes belongs into the next append. */
  hasRoomFor(bytes: number): boolean {
    return this.isEmpty || this.bytes + bytes <= BATCH_BYTES_MAX;
  }

  /**
   * Whether there is room for what was decided and is not booked yet, now, in the next append, or in none. `most` is what
   * it takes at most, and costs nothing; only where that is too much `exactly` is asked.
   */
  roomFor(most: number, exactly: () => number): 'now' | 'next' | 'never' {
    if (this.bytes + most <= BATCH_BYTES_MAX) return 'now';
    const bytes = exactly();
    if (this.bytes + bytes <= BATCH_BYTES_MAX) return 'now';
    return bytes <= BATCH_BYTES_MAX ? 'next' : 'never';
  }

  /** True where one append cannot hold it: a single decision was too large. */
  get isTooLarge(): boolean {
    return this.bytes > BATCH_BYTES_MAX;
  }

  /** True where no further decision may be added. */
  get isFull(): boolean {
    return this.bytes >= BATCH_BYTES_MAX * 0.9 || this.chargeCount >= BATCH_CHARGES_MAX || this.mustEnd();
  }

  /** Revision of the event added last. */
  get lastRevision(): number {
    return this.base + this.drafts.length - 1;
  }

  /** Throws, and is as before, where an append could not hold the event by itself. */
  addEvent(event: LedgerEvent, by: Caused): number {
    this.closeCharges();
    const { version, stored } = writeLedgerEvent(event);
    // Counted as text once more when it is encoded; events of this kind are few.
    const bytes = bytesOfEvent(stored, by);
    if (bytes > BATCH_BYTES_MAX) throw new Error(TOO_LARGE);
    this.drafts.push({ type: event.type, version, stored, event, command: null, ...by });
    this.closedBytes += bytes;
    return this.lastRevision;
  }

  /** Where the next charge booked at this time will stand. */
  placeOfCharge(bookedAt: Instant): Place {
    const open = this.openCharges(bookedAt);
    return { revision: this.lastRevision, index: open.charges.length };
  }

  addCharge(charge: Charge, bookedAt: Instant): void {
    const open = this.openCharges(bookedAt);
    open.columns.add(charge);
    open.charges.push(charge);
    this.chargeCount++;
  }

  /** Puts a command's answer on its last event. */
  remember(revision: number, command: CommandRecord): void {
    const draft = this.drafts[revision - this.base];
    if (draft === undefined) throw new Error('a command is remembered on an event that is not in the batch');
    draft.command = command;
    this.closedBytes += bytesOf(command);
  }

  /** What stands at a revision of this batch. */
  at(revision: number): { readonly draft: Draft; readonly charges: readonly Charge[] } | undefined {
    const draft = this.drafts[revision - this.base];
    return draft === undefined ? undefined : { draft, charges: this.charges.get(revision) ?? [] };
  }

  private closeCharges(): void {
    if (this.open === null) return;
    this.closedBytes += this.open.columns.bytes;
    this.open = null;
  }

  /** Charges of one event share one booking time; organizations on test clocks have their own. */
  private openCharges(bookedAt: Instant): NonNullable<MicroBatch['open']> {
    if (this.open !== null && this.open.bookedAt === bookedAt) return this.open;
    this.closeCharges();
    const columns = new ChargeColumns();
    const charges: Charge[] = [];
    this.open = { columns, charges, bookedAt };
    this.drafts.push({
      type: 'UsageCharged',
      version: 1,
      organizationId: null,
      bookedAt,
      actor: SYSTEM,
      requestId: null,
      stored: columns,
      event: null,
      command: null,
    });
    this.closedBytes += EVENT_BYTES;
    this.charges.set(this.lastRevision, charges);
    return this.open;
  }
}
