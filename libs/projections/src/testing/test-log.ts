import {
  type Actor,
  type Charge,
  type LedgerEvent,
  ledgerStream,
  SYSTEM,
  writeLedgerEvent,
} from '@drawdown/domain/events';
import type { TestLedger } from '@drawdown/domain/testing';
import { derivedTransactionId, type Instant } from '@drawdown/kernel';
import type { EventStore, NewEvent } from '@drawdown/ports';

/** An event to be written, or a charge to be packed with those around it. */
export type Draft =
  | {
      readonly event: LedgerEvent;
      readonly organizationId: string | null;
      readonly at: Instant;
      readonly actor?: Actor;
    }
  | { readonly charge: Charge; readonly at: Instant };

/** Everything that happened to an organization. */
export const draftsOf = ({ log, organization }: TestLedger): Draft[] =>
  log.map((fact) =>
    fact.kind === 'charge'
      ? { charge: fact.charge, at: fact.at }
      : { event: fact.event, organizationId: organization.id, at: fact.at },
  );

/** Consecutive charges of one booking time as one event, at most `most` in each: what a micro-batch does. */
export const pack = (drafts: readonly Draft[], most = 100): Exclude<Draft, { charge: Charge }>[] => {
  const packed: Exclude<Draft, { charge: Charge }>[] = [];
  let open: { charges: Charge[]; at: Instant } | undefined;
  const close = (): void => {
    if (open === undefined) return;
    const event: LedgerEvent = { type: 'UsageCharged', data: { charges: open.charges } };
    packed.push({ event, organizationId: null, at: open.at });
    open = undefined;
  };
  for (const draft of drafts) {
    if ('event' in draft) {
      close();
      packed.push(draft);
      continue;
    }
    if (open !== undefined && (open.at !== draft.at || open.charges.length >= most)) close();
    open ??= { charges: [], at: draft.at };
    open.charges.push(draft.charge);
  }
  close();
  return packed;
};

/** The stored form of an event at a place; its id is a function of both. */
export const stored = (stream: string, revision: number, draft: Exclude<Draft, { charge: Charge }>): NewEvent => {
  const { version, stored: data } = writeLedgerEvent(draft.event);
  return {
    id: derivedTransactionId(stream, String(revision)).slice(4),
    type: draft.event.type,
    data: Buffer.from(JSON.stringify(data), 'utf8'),
    metadata: {
      version,
      booked_at: draft.at,
      ...(draft.organizationId === null ? {} : { organization_id: draft.organizationId }),
      actor: { ...(draft.actor ?? SYSTEM) },
      hash: '',
    },
  };
};

/** Writes ledger events as the ledger would, without its decisions. Organizations go to shards by `shardOf`. */
export class TestLog {
  constructor(
    readonly store: EventStore,
    readonly shardOf: (organizationId: string) => number = () => 0,
  ) {}

  /** Appends in the order given, each to its organization's shard; packed charges as the first charge's. */
  async write(drafts: readonly Draft[], most?: number): Promise<void> {
    const byShard = new Map<number, Draft[]>();
    for (const draft of drafts) {
      const owner =
        'charge' in draft ? draft.charge.usage.organizationId : (draft.organizationId ?? ownerOf(draft.event));
      const shard = this.shardOf(owner);
      byShard.set(shard, [...(byShard.get(shard) ?? []), draft]);
    }
    for (const [shard, ofShard] of byShard) await this.append(shard, pack(ofShard, most));
  }

  async append(shard: number, drafts: readonly Exclude<Draft, { charge: Charge }>[]): Promise<void> {
    const stream = ledgerStream(shard);
    let next = (await this.store.head(stream)) + 1;
    for (let i = 0; i < drafts.length; i += 50) {
      const events = drafts.slice(i, i + 50).map((draft, index) => stored(stream, next + index, draft));
      await this.store.append(stream, next, events);
      next += events.length;
    }
  }
}

const ownerOf = (event: LedgerEvent): string => {
  const first = event.type === 'UsageCharged' ? event.data.charges[0]?.usage.organizationId : undefined;
  if (first === undefined) throw new Error(`${event.type} names no organization`);
  return first;
};
