import type { Identity, Position } from '@drawdown/kernel';
import { identityFor, identityOfTransaction, type ShardState } from './fold';
import { DecisionFailed, ONE_FAILED } from './ledger';
import { type MicroBatch, TOO_LARGE } from './micro-batch';
import type { TakenOffsets } from './offsets';
import { EVENTS_KEPT } from './past-decisions';
import type { CommandDecisions } from './turn/command-decisions';
import type { Settling } from './turn/settling';
import type { UsageDecisions } from './turn/usage-decisions';
import { leftNothing, TAKEN_BEFORE } from './usage-outcomes';
import type { CommandWork, SourceOffset, UsageWork, Work } from './work';

/** Decisions in one turn at most; a larger work is still decided whole where its batch has room. */
const DECISIONS_PER_TURN = 5_000;

/** Tells who asked; `position` is the shard's once the batch is durable. */
type Answer = (position: Position) => void;

/** What one turn decided. */
export interface Decided {
  /** Works with a part in the batch, in order; the last may be unfinished and still be queued. */
  readonly works: readonly Work[];
  /** How many works at the head of the queue are done with. */
  readonly finished: number;
  /** Settling that goes on after others had their turn. */
  readonly postponed: readonly Work[];
  /** To be given once the batch is durable. */
  readonly answers: readonly Answer[];
  readonly taken: TakenOffsets;
}

/** What a turn is made with: a decider for each kind of work, on the same books. */
export interface Deciding {
  readonly usages: Pick<UsageDecisions, 'decide'>;
  readonly commands: Pick<CommandDecisions, 'decide'>;
  readonly settling: Pick<Settling, 'settleClock'>;
  readonly state: ShardState;
  readonly batch: Pick<MicroBatch, 'isFull' | 'isTooLarge'>;
  readonly taken: TakenOffsets;
  /** Told of a decision that failed and has changed nothing. */
  readonly failed: (error: DecisionFailed) => void;
}

/** The works of the next turn: as many as are worth one batch. Works that come while it is prepared wait. */
export const plannedOf = (queue: readonly Work[]): readonly Work[] => {
  const works: Work[] = [];
  let decisions = 0;
  for (const work of queue) {
    if (decisions >= DECISIONS_PER_TURN) break;
    works.push(work);
    decisions += work.kind === 'usage' ? work.usages.length - work.outcomes.length : 1;
  }
  return works;
};

/**
 * Revisions that deciding these works may need: suspected repetitions, remembered answers, charges to refund. Of so
 * many that they would not fit into memory only the first; deciding stops where one is missing.
 */
export const neededBy = (state: ShardState, works: readonly Work[]): Set<number> => {
  const revisions = new Set<number>();
  const suspect = (identity: Identity): void => {
    for (const { revision } of state.identities.find(identity)) revisions.add(revision);
  };
  for (const work of works) {
    if (revisions.size >= EVENTS_KEPT) break;
    if (work.kind === 'usage') {
      for (let i = work.outcomes.length; i < work.usages.length && revisions.size < EVENTS_KEPT; i++) {
        suspect(identityIn(state, work, i));
      }
    } else if (work.kind === 'command') {
      const key = work.idempotency?.key;
      const remembered = key === undefined ? undefined : state.commands.get(`${work.organizationId}\n${key}`);
      if (remembered !== undefined) revisions.add(remembered.revision);
      if (work.command.type === 'RefundCharge') suspect(identityOfTransaction(work.command.transactionId));
    }
  }
  return revisions;
};

/**
 * Decides works in order while the batch has room; `began` is told of each before. One that fails before anything of it is
 * booked is refused by itself. Throws where one fails later, breaks an invariant or does not fit into an append.
 */
export const decideWorks = (deciding: Deciding, planned: readonly Work[], began: (work: Work) => void): Decided => {
  const { batch, taken } = deciding;
  const works: Work[] = [];
  const answers: Answer[] = [];
  const postponed: Work[] = [];
  let finished = 0;
  for (const work of planned) {
    if (batch.isFull) break;
    works.push(work);
    began(work);
    const answer = decide(deciding, work);
    // What was settled before it is stored all the same; the next turn decides it.
    if (answer === null && work.kind === 'command') break;
    if (batch.isTooLarge) throw new Error(TOO_LARGE);
    if (answer !== null) answers.push(answer);
    else if (work.kind === 'settle') postponed.push(work);
    else break;
    finished++;
  }
  return { works, finished, postponed, answers, taken };
};

/** Decides one work; its answer, or null where not all of it could be decided. */
const decide = (deciding: Deciding, work: Work): Answer | null => {
  if (work.kind === 'usage') return decideUsages(deciding, work);
  if (work.kind === 'command') return decideCommand(deciding, work);
  return deciding.settling.settleClock(work) ? () => work.resolve(undefined) : null;
};

/** What was decided, or that it failed without a trace. */
const unlessFailed = <T>({ failed }: Deciding, decide: () => T): T | DecisionFailed => {
  try {
    return decide();
  } catch (error) {
    if (!(error instanceof DecisionFailed)) throw error;
    failed(error);
    return error;
  }
};

const decideCommand = (deciding: Deciding, work: CommandWork): (() => void) | null => {
  const { commands, taken } = deciding;
  const result = unlessFailed(deciding, () => commands.decide(work));
  if (result === null) return null;
  if (work.source !== null && !(result instanceof DecisionFailed)) taken.take(work.source);
  return () => {
    if (result instanceof Error) work.reject(result);
    else work.resolve(result);
  };
};

/** Decides as many of the work's usage events as fit. */
const decideUsages = (deciding: Deciding, work: UsageWork): Answer | null => {
  const { usages, state, batch, taken } = deciding;
  for (let i = work.outcomes.length; i < work.usages.length; i++) {
    if (batch.isFull) return null;
    const usage = work.usages[i];
    if (usage === undefined) continue;
    work.sender = work.senders?.[i] ?? work.sender;
    const outcome = taken.hasUsage(work, i)
      ? TAKEN_BEFORE
      : unlessFailed(deciding, () => usages.decide(work, usage, identityIn(state, work, i)));
    if (outcome === null) return null;
    if (outcome instanceof DecisionFailed) return failedAt(work, i, outcome);
    work.outcomes.push(outcome);
  }
  const source = takenIn(work);
  if (source !== null) taken.take(source);
  return (position) => work.resolve({ outcomes: work.outcomes, position });
};

/** Each usage event stands for itself: what came before the one that failed is booked. */
const failedAt = (work: UsageWork, i: number, failed: DecisionFailed): Answer => {
  if (i === 0) return () => work.reject(failed);
  const { cause } = failed;
  return (position) => work.reject(new DecisionFailed(ONE_FAILED, { cause }, { outcomes: work.outcomes, position }));
};

/**
 * How far the source of a work that is decided is taken in: up to the first record that left nothing in the ledger. That
 * one is passed only by what comes after it, when whoever gave it to us has put it elsewhere.
 */
const takenIn = ({ source, outcomes }: UsageWork): SourceOffset | null => {
  if (source === null) return null;
  const first = outcomes.findIndex(leftNothing);
  if (first === -1) return source;
  return source.each === undefined ? null : { ...source, offset: (source.each[first] ?? 0) - 1 };
};

/** Gives back what was decided of these works but not stored. */
export const undecide = (works: readonly Work[]): void => {
  for (const work of works) if (work.kind === 'usage') work.outcomes.length = work.durable;
};

/** The identity of a work's i-th usage event, worked out once. */
const identityIn = (state: ShardState, work: UsageWork, i: number): Identity => {
  let identity = work.identities[i];
  if (identity === undefined) {
    const usage = work.usages[i];
    if (usage === undefined) throw new RangeError(`a work of ${String(work.usages.length)} has no usage ${String(i)}`);
    identity = identityFor(state, usage);
    work.identities[i] = identity;
  }
  return identity;
};
