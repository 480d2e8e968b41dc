import type { Instant, Position } from '@drawdown/kernel';
import type { StreamRecord } from '@drawdown/ports';
import type { CommandResult, UsageOutcome } from '../ledger';
import { readExact, writeExact } from './exact-json';
import { readReplyAddress, type ReplyAddress, writeReplyAddress } from './headers';

/** What became of something that was asked. */
export type Reply =
  | { readonly kind: 'run'; readonly result: CommandResult }
  /** Of some of a call's usage events, by place. */
  | { readonly kind: 'usage'; readonly outcomes: ReadonlyMap<number, UsageOutcome>; readonly position: Position }
  | { readonly kind: 'settled' }
  | { readonly kind: 'last_priced'; readonly at: Instant | null }
  /** Not decided, or not known: it may be sent again with the same key. */
  | { readonly kind: 'unavailable'; readonly detail: string };

export const writeReplyRecord = (to: ReplyAddress, reply: Reply): StreamRecord => ({
  key: to.instance,
  value: Buffer.from(writeExact(flat(reply)), 'utf8'),
  headers: writeReplyAddress(to),
});

/** A record that {@link writeReplyRecord} wrote; null where it is none. */
export const readReplyRecord = ({ value, headers }: StreamRecord): { to: ReplyAddress; reply: Reply } | null => {
  const to = readReplyAddress(headers);
  if (value === null || to === null) return null;
  try {
    return { to, reply: unflat(readExact(value.toString('utf8')) as Flat) };
  } catch {
    return null;
  }
};

type FlatPosition = readonly (readonly [string, number])[];
type Flat =
  | { readonly kind: 'run'; readonly result: unknown; readonly position: FlatPosition }
  | {
      readonly kind: 'usage';
      readonly outcomes: readonly (readonly [number, UsageOutcome])[];
      readonly position: FlatPosition;
    }
  | Exclude<Reply, { readonly kind: 'run' | 'usage' }>;

const flat = (reply: Reply): Flat => {
  if (reply.kind === 'usage') {
    const outcomes = [...reply.outcomes].map(([place, outcome]) => [place, flatOutcome(outcome)] as const);
    return { kind: 'usage', outcomes, position: [...reply.position] };
  }
  if (reply.kind !== 'run') return reply;
  const { result } = reply;
  if (!result.accepted) return { kind: 'run', result, position: [] };
  return { kind: 'run', result: { ...result, position: null }, position: [...result.position] };
};

/** What a charge's outcome works out when it is asked, written out. */
const flatOutcome = (outcome: UsageOutcome): UsageOutcome => {
  if (outcome.outcome !== 'charged' && outcome.outcome !== 'duplicate') return outcome;
  const { transactionId, wallet, debited, uncovered, balanceAfter } = outcome;
  return { outcome: outcome.outcome, transactionId, wallet, debited, uncovered, balanceAfter };
};

const unflat = (written: Flat): Reply => {
  switch (written.kind) {
    case 'run': {
      const result = written.result as CommandResult;
      if (!result.accepted) return { kind: 'run', result };
      return { kind: 'run', result: { ...result, position: new Map(written.position) } };
    }
    case 'usage':
      return { kind: 'usage', outcomes: new Map(written.outcomes), position: new Map(written.position) };
    default:
      return written;
  }
};
