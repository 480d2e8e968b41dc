import {
  answer,
  type Context,
  decide,
  type OrganizationCommand,
  type OwnEvent,
  type RefundableCharge,
  type Refusal,
} from '@drawdown/domain';
import { type Instant, type JsonObject, positionOf } from '@drawdown/kernel';
import type { Catalogue } from '../catalogue/catalogue';
import { catalogueRefusal } from '../catalogue/catalogue-refusal';
import { identityOfTransaction, rememberCommand, type Resident } from '../fold';
import { latestFirst } from '../identity-index';
import { type CommandResult, DecidedBefore, OrganizationIsFrozen } from '../ledger';
import { bytesOfEvents, type MicroBatch } from '../micro-batch';
import type { TakenOffsets } from '../offsets';
import type { PastDecisions } from '../past-decisions';
import { refundableAt } from '../refundable';
import type { CommandWork } from '../work';
import type { Books } from './books';
import { leastOfCommand, mostOfCommand } from './room';
import type { Settling } from './settling';
import { untouched } from './untouched';

/**
 * True where even an answer without effects is a fact: its key may come again, or its record, which must not be decided
 * otherwise then (INV-LED-6). Of an organization that does not exist nothing is kept: the command that makes it comes
 * after this one in the same partition.
 */
const leavesAnAnswer = ({ idempotency, source }: CommandWork): boolean => idempotency !== null || source !== null;

/** The figure "an organization that is not there yet" for the one command that begins it. */
const UNBORN = { status: 'active' } as Resident['organization'];

/** No append would hold it: sent again it would be refused again, for as long as it moves as much. */
const TOO_MUCH: Refusal = {
  code: 'too_many_items',
  detail:
    'this moves more lots or holds than can be booked as one; ask for less at a time, and before a closing release holds and void grants',
};

/** Decides commands, each after what was due before it. It never waits: what it needs from the log was fetched before. */
export class CommandDecisions {
  constructor(
    private readonly shard: number,
    private readonly books: Books,
    private readonly settling: Settling,
    private readonly past: PastDecisions,
    private readonly catalogue: Catalogue,
    private readonly taken: TakenOffsets,
  ) {}

  /** Null where it must wait for the next turn: what it needs is not there, or has no room. */
  decide(work: CommandWork): CommandResult | Error | null {
    const { organizationId, command } = work;
    const { state, batch } = this.books;
    if (this.books.isFrozen(organizationId)) return new OrganizationIsFrozen();
    if (!this.isFetched(work)) return null;
    const replay = this.replay(work);
    if (replay !== null) return replay;
    if (work.source !== null && this.taken.has(work.source)) {
      return new DecidedBefore('it was decided before; send it again with the same key to see how');
    }
    const resident = state.residents.get(organizationId);
    const refusal = this.impossible(resident, command, organizationId);
    if (refusal !== null) return this.refused(work, resident, refusal);
    const now = resident === undefined ? this.bornAt(command) : this.books.nowFor(resident);
    if (resident !== undefined && !this.settling.settle(resident, now)) return null;
    if (resident !== undefined && !batch.hasRoomFor(leastOfCommand(command))) return null;
    const context: Context = { now, commandId: work.commandId };
    const complete = this.withCharge(command, organizationId);
    const decision = untouched(() => decide(resident?.organization ?? UNBORN, complete, context));
    if (!decision.accepted) return this.refused(work, resident, decision.refusal, decision.events);
    const room = resident === undefined ? 'now' : this.roomFor(work, resident, decision.events, now);
    if (room === 'next') return null;
    if (room === 'never') return this.refused(work, resident, TOO_MUCH);
    this.books.book(organizationId, decision.events, now, work.sender.actor, work.sender.requestId);
    const after = state.residents.get(organizationId);
    if (after === undefined) throw new Error(`${organizationId} is not there after ${command.type}`);
    const document = answer(after.organization, complete, decision.events, context);
    if (decision.events.length === 0 && leavesAnAnswer(work)) this.bookAnswered(work, now, null, '');
    this.remember(work, true, document);
    const position = positionOf(this.shard, batch.isEmpty ? state.revision : batch.lastRevision);
    this.settling.settle(after, now);
    return { accepted: true, answer: document, position, replayed: false };
  }

  private roomFor(
    { organizationId, command, sender }: CommandWork,
    resident: Resident,
    events: readonly OwnEvent[],
    bookedAt: Instant,
  ): ReturnType<MicroBatch['roomFor']> {
    const exactly = (): number =>
      leastOfCommand(command) + bytesOfEvents(events, { organizationId, bookedAt, ...sender });
    return this.books.batch.roomFor(mostOfCommand(resident, command), exactly);
  }

  private isFetched({ organizationId, command, idempotency }: CommandWork): boolean {
    const { state, batch } = this.books;
    const remembered = idempotency && state.commands.get(`${organizationId}\n${idempotency.key}`);
    if (remembered && !this.past.has(remembered.revision, batch)) return false;
    if (command.type !== 'RefundCharge') return true;
    return this.past.hasAll(state.identities.find(identityOfTransaction(command.transactionId)), batch);
  }

  /** The first answer under this key, if there was one (INV-INT-8). */
  private replay({ organizationId, idempotency }: CommandWork): CommandResult | null {
    if (idempotency === null) return null;
    const { state, batch } = this.books;
    const remembered = state.commands.get(`${organizationId}\n${idempotency.key}`);
    if (remembered === undefined) return null;
    if (remembered.hash !== idempotency.hash) return { accepted: false, keyReused: true };
    const { revision } = remembered;
    const record = batch.at(revision)?.draft.command ?? this.past.event(revision)?.command;
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
    return this.books.bornAt(command.type === 'CreateOrganization' ? command.testClock : null);
  }

  private refused(
    work: CommandWork,
    resident: Resident | undefined,
    refusal: Refusal,
    onRecord: readonly OwnEvent[] = [],
  ): CommandResult {
    const isUntraced = refusal.untraced === true;
    const isKept = isUntraced ? work.source !== null : leavesAnAnswer(work);
    if (resident !== undefined && (onRecord.length > 0 || isKept)) {
      const { actor, requestId } = work.sender;
      const now = this.books.nowFor(resident);
      if (onRecord.length > 0) this.books.book(work.organizationId, onRecord, now, actor, requestId);
      else this.bookAnswered(work, now, refusal.code, refusal.detail);
      // Its record is taken in, but its key stays free.
      if (!isUntraced) this.remember(work, false, refusal as unknown as JsonObject);
    }
    return { accepted: false, refusal, replayed: false };
  }

  private bookAnswered(work: CommandWork, now: Instant, code: string | null, detail: string): void {
    const event: OwnEvent = { type: 'CommandAnswered', data: { command: work.command.type, code, detail } };
    this.books.book(work.organizationId, [event], now, work.sender.actor, work.sender.requestId);
  }

  private remember({ organizationId, idempotency }: CommandWork, accepted: boolean, document: JsonObject): void {
    const { state, batch } = this.books;
    const revision = batch.lastRevision;
    const bookedAt = batch.at(revision)?.draft.bookedAt;
    if (idempotency === null || bookedAt === undefined) return;
    const { key, hash } = idempotency;
    batch.remember(revision, { key, hash, accepted, answer: document });
    rememberCommand(state, organizationId, { key, hash }, bookedAt, revision);
  }

  /** A refund is decided on the charge as the log has it. */
  private withCharge(command: OrganizationCommand, organizationId: string): OrganizationCommand {
    if (command.type !== 'RefundCharge') return command;
    // What the index has forgotten was looked for before.
    return { ...command, charge: this.refundable(command.transactionId, organizationId) ?? command.charge };
  }

  private refundable(transactionId: string, organizationId: string): RefundableCharge | null {
    const { state, batch } = this.books;
    for (const place of latestFirst(state.identities.find(identityOfTransaction(transactionId)))) {
      const found = refundableAt(place, transactionId, organizationId, batch, this.past);
      if (found !== null) return found;
    }
    return null;
  }
}
