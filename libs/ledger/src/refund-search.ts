import {
  bookedAtOf,
  ledgerStream,
  type OrganizationCommand,
  readMetadata,
  readRecorded,
  type RefundableCharge,
} from '@drawdown/domain';
import type { Instant } from '@drawdown/kernel';
import { type EventStore, pagesToEnd, type StoredEvent, Turns } from '@drawdown/ports';
import { setImmediate as nextTick } from 'node:timers/promises';
import { identityOfTransaction } from './fold';
import { forgottenBefore, latestFirst, type Place } from './identity-index';
import { type Idempotency, LedgerUnavailable } from './ledger';
import type { LedgerShard } from './ledger-shard';
import { refundableIn } from './refundable';

/** Searches that may wait for each other; each reads most of a log. */
const SEARCHES_MAX = 16;

/** A transaction that is to be refunded, and what the index says about it. */
export interface Wanted {
  readonly shard: number;
  readonly organizationId: string;
  readonly transactionId: string;
  /** Where the index suspects it. */
  readonly places: readonly Place[];
  /** What was booked after it, the index knows. */
  readonly horizon: Instant;
}

/**
 * Finds charges that the index has forgotten, so that they can be given back however old they are. It reads the log page
 * by page outside of any turn, one search at a time; who asks for the same one shares it.
 */
export class RefundSearch {
  private readonly underWay = new Map<string, Promise<RefundableCharge | null>>();
  private readonly searches = new Turns();

  constructor(private readonly store: EventStore) {}

  /** The charge as the log has it; null where the organization has no such transaction from before the horizon. */
  async find(wanted: Wanted): Promise<RefundableCharge | null> {
    for (const { revision } of latestFirst(wanted.places)) {
      const [stored] = await this.store.read(ledgerStream(wanted.shard), revision, 1);
      const found = stored === undefined ? null : foundIn(stored, wanted);
      if (found !== null) return found;
    }
    const name = `${wanted.organizationId}\n${wanted.transactionId}`;
    const shared = this.underWay.get(name);
    if (shared !== undefined) return shared;
    if (this.underWay.size >= SEARCHES_MAX)
      throw new LedgerUnavailable('too many old charges are looked for; send it again');
    const search = this.searches.run(() => searched(this.store, wanted)).finally(() => this.underWay.delete(name));
    this.underWay.set(name, search);
    return search;
  }
}

/** A refund with the charge that the index may have forgotten, looked for outside of any turn; other commands as they are. */
export const withOldCharge = async (
  search: RefundSearch,
  shard: LedgerShard,
  organizationId: string,
  command: OrganizationCommand,
  idempotency: Idempotency | null,
): Promise<OrganizationCommand> => {
  if (command.type !== 'RefundCharge') return command;
  const { transactionId } = command;
  const wanted = await shard.read((state, nowFor) => {
    const resident = state.residents.get(organizationId);
    // Nothing is forgotten on test clocks.
    if (resident === undefined || resident.organization.testClock !== null) return null;
    const horizon = forgottenBefore(nowFor(resident));
    if (resident.organization.createdAt > horizon) return null;
    if (idempotency !== null && state.commands.has(`${organizationId}\n${idempotency.key}`)) return null;
    const places = state.identities.find(identityOfTransaction(transactionId));
    return { shard: shard.shard, organizationId, transactionId, places, horizon };
  });
  return { ...command, charge: wanted === null ? null : await search.find(wanted) };
};

/**
 * From the beginning, and to the end of what may be forgotten: of two charges of one id, the later is the one that it names.
 */
const searched = async (store: EventStore, wanted: Wanted): Promise<RefundableCharge | null> => {
  const mark = Buffer.from(JSON.stringify(wanted.organizationId));
  let latest: RefundableCharge | null = null;
  for await (const page of pagesToEnd(store, ledgerStream(wanted.shard), 0)) {
    for (const stored of page) {
      const about = concerns(stored, wanted, mark);
      if (about === 'end') return latest;
      if (about === 'no') continue;
      latest = foundIn(stored, wanted) ?? latest;
      await nextTick(); // thousands of charges were decoded: let others go on
    }
  }
  return latest;
};

/** Whether an event may hold the transaction. Its organization's booking times never go back: after the horizon none does. */
const concerns = (
  { data, metadata }: StoredEvent,
  { organizationId, horizon }: Wanted,
  mark: Buffer,
): 'yes' | 'no' | 'end' => {
  const read = readMetadata(metadata);
  const owner = read.organization_id;
  if (owner !== undefined && owner !== organizationId) return 'no';
  if (bookedAtOf(read) > horizon) return owner === undefined ? 'no' : 'end';
  if (owner !== undefined) return 'yes';
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).includes(mark) ? 'yes' : 'no';
};

const foundIn = (stored: StoredEvent, { shard, organizationId, transactionId }: Wanted): RefundableCharge | null =>
  refundableIn(readRecorded(shard, stored), transactionId, organizationId);
