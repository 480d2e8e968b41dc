import type { CommandResult, UsageResult } from './ledger';
import type { LedgerShard } from './ledger-shard';
import type { CommandWork, UsageWork } from './work';

type Command = Omit<CommandWork, 'kind' | 'resolve' | 'reject'>;
type Usages = Pick<UsageWork, 'usages' | 'sender' | 'senders' | 'redrive' | 'source'>;

/** Has a command decided; resolves once its outcome is durable. */
export const submitCommand = (shard: LedgerShard, command: Command): Promise<CommandResult> =>
  new Promise((resolve, reject) => {
    shard.submit({ kind: 'command', ...command, resolve, reject });
  });

/** Has usage decided, all of it of the shard's organizations; resolves once that is durable. */
export const submitUsages = (shard: LedgerShard, usages: Usages): Promise<UsageResult> =>
  new Promise((resolve, reject) => {
    shard.submit({ kind: 'usage', ...usages, outcomes: [], durable: 0, identities: [], resolve, reject });
  });

/** Has everything booked that is due on a clock ('' is the machine's). */
export const submitSettling = (shard: LedgerShard, clock: string): Promise<undefined> =>
  new Promise((resolve, reject) => {
    shard.submit({ kind: 'settle', clock, resolve, reject });
  });
