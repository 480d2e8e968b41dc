import type { Instant, Position } from '@drawdown/kernel';
import type { StreamRecord } from '@drawdown/ports';
import type { CommandResult, UsageOutcome } from '../ledger';
import { readExact, readInteger, writeExact } from './exact-json';
import { readReplyAddress, type ReplyAddress, writeReplyAddress } from './headers';

/** What became of something that was asked. */
export type Reply =
  | { readonly kind: 'run'; readonly result: CommandResult }
  /** Of some of a call's usage events, by place. */
  | { readonly kind: 'usage'; readonly outcomes: ReadonlyMap<number, UsageOutcome>; readonly position: Position }
  | { readonly kind: 'settled' }
  | { readonly kind: 'last_priced'; readonly at: Instant | null }
  /** Not decided, or not known: it may be sent again with the same key. Without a code, as releases before wrote it: `unavailable`. */
  | { readonly kind: 'unavailable'; readonly detail: string; readonly code?: 'organization_frozen' };

export const writeReplyRecord = (to: ReplyAddress, reply: Reply): StreamRecord => ({
  key: to.instance,
  value: Buffer.from(reply.kind === 'usage' ? writeOutcomes(reply) : writeExact(flat(reply)), 'utf8'),
  headers: writeReplyAddress(to),
});

/** A record that {@link writeReplyRecord} wrote; null where it is none. */
export const readReplyRecord = ({ value, headers }: StreamRecord): { to: ReplyAddress; reply: Reply } | null => {
  const to = readReplyAddress(headers);
  if (value === null || to === null) return null;
  const text = value.toString('utf8');
  try {
    return { to, reply: text.startsWith('[') ? readOutcomes(text) : unflat(readExact(text) as Flat) };
  } catch {
    return null;
  }
};

type Outcomes = Extract<Reply, { readonly kind: 'usage' }>;
type FlatPosition = readonly (readonly [string, number])[];
type Charged = Extract<UsageOutcome, { readonly outcome: 'charged' | 'duplicate' }>;

/** Place, outcome, transaction, wallet; debited, uncovered and balance after in 10⁻⁹ credits. */
type FlatCharge = readonly [number, Charged['outcome'], string, string, string, string, string];
/** The outcomes of a call are many, and nearly all of them charges: as rows, without names, and without a tag for each number. */
type FlatOutcomes = readonly [
  charges: readonly FlatCharge[],
  others: readonly (readonly [number, Exclude<UsageOutcome, Charged>])[],
  position: FlatPosition,
];

const writeOutcomes = ({ outcomes, position }: Outcomes): string => {
  const charges: FlatCharge[] = [];
  const others: [number, Exclude<UsageOutcome, Charged>][] = [];
  for (const [place, outcome] of outcomes) {
    if (!('debited' in outcome)) {
      others.push([place, outcome]);
      continue;
    }
    const { transactionId, wallet, debited, uncovered, balanceAfter } = outcome;
    const amounts = [String(debited), String(uncovered), String(balanceAfter)] as const;
    charges.push([place, outcome.outcome, transactionId, wallet, ...amounts]);
  }
  return JSON.stringify([charges, others, [...position]] satisfies FlatOutcomes);
};

const readOutcomes = (text: string): Outcomes => {
  const read = JSON.parse(text) as FlatOutcomes;
  if (read.length !== 3 || !read.every(Array.isArray)) throw new SyntaxError('no outcomes');
  const [charges, others, position] = read;
  const outcomes = new Map<number, UsageOutcome>(others);
  for (const [place, outcome, transactionId, wallet, debited, uncovered, balanceAfter] of charges) {
    outcomes.set(place, {
      outcome,
      transactionId,
      wallet,
      debited: readInteger(debited),
      uncovered: readInteger(uncovered),
      balanceAfter: readInteger(balanceAfter),
    });
  }
  return { kind: 'usage', outcomes, position: new Map(position) };
};

type Flat =
  | { readonly kind: 'run'; readonly result: unknown; readonly position: FlatPosition }
  | Exclude<Reply, { readonly kind: 'run' | 'usage' }>;

const flat = (reply: Exclude<Reply, Outcomes>): Flat => {
  if (reply.kind !== 'run') return reply;
  const { result } = reply;
  if (!result.accepted) return { kind: 'run', result, position: [] };
  return { kind: 'run', result: { ...result, position: null }, position: [...result.position] };
};

const unflat = (written: Flat): Reply => {
  if (written.kind !== 'run') return written;
  const result = written.result as CommandResult;
  if (!result.accepted) return { kind: 'run', result };
  return { kind: 'run', result: { ...result, position: new Map(written.position) } };
};
