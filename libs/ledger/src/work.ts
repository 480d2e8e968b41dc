import type { Charge, OrganizationCommand, UsageEvent } from '@drawdown/domain';
import type { Identity } from '@drawdown/kernel';
import type { CommandResult, Idempotency, Sender, UsageOutcome, UsageResult } from './ledger';

/** Where a work came from, if from a stream: taken in together with it (INV-INT-10). */
export interface SourceOffset {
  /** The topic as the log calls it: with its identity, where it has one. */
  readonly topic: string;
  readonly partition: number;
  /** Of the last record that is part of it. */
  readonly offset: number;
}

/** Where a batch of usage came from. */
export interface UsageSource extends SourceOffset {
  /** The offset of each usage event, ascending; without it all of them are of one record. */
  readonly each?: readonly number[];
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

export interface CommandWork extends Waiting<CommandResult> {
  readonly kind: 'command';
  readonly organizationId: string;
  readonly command: OrganizationCommand;
  /** From it the ids are derived that the command makes; it stays the same however often it is decided. */
  readonly commandId: string;
  readonly sender: Sender;
  readonly idempotency: Idempotency | null;
  readonly source: SourceOffset | null;
}

export interface UsageWork extends Waiting<UsageResult> {
  readonly kind: 'usage';
  readonly usages: readonly UsageEvent[];
  /** Whose usage it is; of a batch of several senders, whose is being decided. */
  sender: Sender;
  /** The sender of each usage event, where they have several. */
  readonly senders: readonly Sender[] | null;
  /** Quarantined usage driven again; with it what was charged so long ago that the index has forgotten it. Else null. */
  readonly redrive: ReadonlyMap<UsageEvent, Charge> | null;
  readonly source: UsageSource | null;
  /** What was decided so far; the first {@link durable} of them are stored. */
  readonly outcomes: UsageOutcome[];
  durable: number;
  /** Identities of the usage events, where they were worked out already. */
  readonly identities: (Identity | undefined)[];
}

/** Books what is due on a clock ('' is the machine's). */
export interface SettleWork extends Waiting<undefined> {
  readonly kind: 'settle';
  readonly clock: string;
}

export type Work = CommandWork | UsageWork | SettleWork;
