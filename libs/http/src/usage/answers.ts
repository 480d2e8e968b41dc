import type { TakenOutcome, TakenResult, UsageOutcome, UsageResult } from '@drawdown/commands';
import { isNotTaken } from '@drawdown/domain';
import { credits, format, formatPosition, type JsonObject, unreachable } from '@drawdown/kernel';
import type { Intake } from './intake';
import type { RejectedCode } from './codes';

const CONFLICT = {
  code: 'event_id_conflict',
  detail: 'this id came before with other content; the first stands',
} as const;

const amount = (parts: bigint): string => format(credits(parts));

/** Position of what was written; null where nothing was yet. */
const positionOf = (result: TakenResult | null): string | null =>
  result === null || result.position === null ? null : formatPosition(result.position);

const outcomesOf = <T extends UsageOutcome | TakenOutcome>(
  intake: Intake,
  result: { readonly outcomes: readonly T[] } | null,
): readonly T[] => {
  const outcomes = result?.outcomes ?? [];
  if (outcomes.length !== intake.usages.length) throw new Error('the ledger did not answer every usage event');
  return outcomes;
};

/** The answer once everything acceptable is durable: how much was taken, and what was not and why. */
export const takenAnswer = (intake: Intake, result: TakenResult | null): JsonObject => {
  let duplicates = 0;
  const rejected = intake.rejected.map(({ index, rejection }) =>
    rejectedItem(index, rejection.rejected, rejection.detail, rejection.pointer),
  );
  outcomesOf(intake, result).forEach((outcome, i) => {
    const index = intake.places[i] ?? 0;
    if (outcome.outcome === 'conflict') {
      rejected.push(rejectedItem(index, CONFLICT.code, CONFLICT.detail));
    } else if (outcome.outcome === 'refused' && isNotTaken(outcome.code)) {
      rejected.push(rejectedItem(index, outcome.code, outcome.detail, '/subject'));
    } else if (outcome.outcome === 'duplicate' || ('duplicate' in outcome && outcome.duplicate)) {
      duplicates++;
    }
  });
  rejected.sort((a, b) => a.index - b.index);
  const accepted = intake.count - duplicates - rejected.length;
  return { accepted, duplicates, rejected, position: positionOf(result) };
};

interface RejectedItem extends JsonObject {
  readonly index: number;
}
const rejectedItem = (index: number, code: RejectedCode, detail: string, pointer = ''): RejectedItem => ({
  index,
  code,
  detail,
  pointer,
});

/** The answer of `?wait=charged`: what became of each event, in the order of the request. */
export const chargedAnswer = (intake: Intake, result: UsageResult | null): JsonObject => {
  const results = new Array<JsonObject>(intake.count);
  for (const { index, id, rejection } of intake.rejected) {
    results[index] = {
      ...NOTHING_CHARGED,
      id,
      outcome: 'refused',
      code: rejection.rejected,
      detail: rejection.detail,
      pointer: rejection.pointer,
    };
  }
  outcomesOf(intake, result).forEach((outcome, i) => {
    results[intake.places[i] ?? 0] = { id: intake.usages[i]?.id ?? null, ...outcomeFields(outcome) };
  });
  return { results, position: positionOf(result) };
};

const NOTHING_CHARGED = { transaction_id: null, wallet: null, credits_debited: null, balance_after: null };

/** Of an event that came before and was not charged: it is what it was, and counts as a duplicate. */
const markOf = ({ duplicate }: { readonly duplicate: boolean }): JsonObject => (duplicate ? { duplicate } : {});

const outcomeFields = (outcome: UsageOutcome): JsonObject => {
  switch (outcome.outcome) {
    case 'charged':
    case 'duplicate':
      return {
        outcome: outcome.outcome,
        transaction_id: outcome.transactionId,
        wallet: outcome.wallet,
        credits_debited: amount(outcome.debited),
        balance_after: amount(outcome.balanceAfter),
        ...(outcome.uncovered > 0n ? { uncovered: amount(outcome.uncovered) } : {}),
      };
    case 'conflict':
      return {
        ...NOTHING_CHARGED,
        outcome: outcome.outcome,
        transaction_id: outcome.transactionId,
        ...CONFLICT,
      };
    case 'quarantined':
      return {
        ...NOTHING_CHARGED,
        outcome: outcome.outcome,
        code: outcome.code,
        detail: outcome.detail,
        ...markOf(outcome),
      };
    case 'refused':
      return {
        ...NOTHING_CHARGED,
        outcome: outcome.outcome,
        wallet: outcome.wallet,
        code: outcome.code,
        detail: outcome.detail,
        ...markOf(outcome),
      };
    default:
      return unreachable(outcome);
  }
};

/** How many events had which outcome; rejected ones among them. What is only taken is counted where it is decided. */
export const countOutcomes = (intake: Intake, result: TakenResult | null): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  if (intake.rejected.length > 0) counts.set('rejected', intake.rejected.length);
  for (const { outcome } of outcomesOf(intake, result)) {
    if (outcome !== 'taken') counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  return counts;
};
