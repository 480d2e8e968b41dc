import { ledgerStream, type OrganizationCommand, SYSTEM, type UsageEvent, writeUsage } from '@drawdown/domain';
import { coverBoth, type Instant, latest, type Position } from '@drawdown/kernel';
import type { EventStore, Metrics, StreamRecord } from '@drawdown/ports';
import { randomUUID } from 'node:crypto';
import { PastViews } from '../as-of';
import { timedCommand } from '../command-duration';
import {
  type CommandResult,
  type Idempotency,
  type Ledger,
  LedgerUnavailable,
  type Sender,
  type TakenResult,
  type UsageResult,
} from '../ledger';
import type { LocalCatalogue } from '../catalogue/local-catalogue';
import { scatter } from '../scatter';
import { rememberingShards } from '../shard-of';
import { type Asked, writeCommandRecord } from '../stream/command-record';
import { KEPT, writeCatalogueSeen, writeReplyAddress, writeSender } from '../stream/headers';
import type { Reply } from '../stream/reply-record';
import { COMMANDS_TOPIC, USAGE_TOPIC } from '../stream/topics';
import { writeUsageRecord } from '../stream/usage-record';
import { collecting } from './collecting';
import { type AddressOf, Replies, type RepliesPorts, unavailable } from './replies';
import { ShardFlight } from './shard-flight';

/** After so long without an answer callers are told that the outcome is unknown. */
const ANSWER_MS = 5_000;

/**
 * So long usage that is durable already waits to be told how far the log went with it, for its sender to read after. An
 * owner that is there needs some 20 ms; while a shard changes hands its senders must not all wait.
 */
const POSITION_MS = 500;

/**
 * So long the read models are asked which organizations of a request are active; a database that hangs must not hold up
 * usage, about which its owners can be asked.
 */
const KNOWN_MS = 1_000;

/** Settling a clock that was moved far books thousands of facts; a request may take 30 s. */
const SETTLE_MS = 20_000;

/** Bytes of usage in one record that drives it again: half of what a record may have. */
const REDRIVE_BYTES = 500_000;

/** Test clocks whose last move is remembered; of the others nobody waits any more. */
const CLOCKS_MAX = 1_000;

/** Who asks what no request asked for. */
const ASKING: Sender = { actor: SYSTEM, requestId: 'ledger' };

/** How this process reads organizations whose shards live elsewhere: from its read models. */
export interface RemoteReads {
  readonly read: Ledger['read'];
  /** Those of these organizations that are known to be active: their usage needs no answer. */
  readonly activeOrganizations: (organizationIds: readonly string[]) => Promise<ReadonlySet<string>>;
}

export interface RemotePorts extends RepliesPorts, RemoteReads {
  readonly store: EventStore;
  readonly catalogue: Pick<LocalCatalogue, 'seen' | 'testClocks'>;
  readonly shards: number;
  readonly metrics: Metrics;
}

/** Numbers of calls by shard. */
type Calls = ReadonlyMap<number, number>;

/** The ledger of a process that owns no shard: asks their owners over the stream. */
export class RemoteLedger implements Ledger {
  private readonly replies: Replies;
  private readonly past: PastViews;
  /** By shard: of calls whose usage somebody waits for, and of those that only ask how far the log went with it. */
  private readonly charging = new Map<number, ShardFlight>();
  private readonly keeping = new Map<number, ShardFlight>();
  /** By test clock: where it stood, and what covers all that was due by then. */
  private readonly settled = new Map<string, { readonly at: Instant | undefined; readonly position: Position }>();
  readonly read: Ledger['read'];
  readonly shardOf: Ledger['shardOf'];

  constructor(private readonly ports: RemotePorts) {
    this.replies = new Replies(ports);
    this.past = new PastViews(ports.store);
    this.read = ports.read;
    this.shardOf = rememberingShards(() => ports.shards);
  }

  start(): Promise<void> {
    return this.replies.start();
  }

  stop(): Promise<void> {
    return this.replies.stop();
  }

  run(
    organizationId: string,
    command: OrganizationCommand,
    sender: Sender,
    idempotency: Idempotency | null,
  ): Promise<CommandResult> {
    const asked: Asked = { kind: 'run', organizationId, commandId: randomUUID(), command, idempotency };
    const resultOf = (reply: Reply): CommandResult | undefined => (reply.kind === 'run' ? reply.result : undefined);
    const ask = () => this.ask(this.shardOf(organizationId), asked, sender, ANSWER_MS, resultOf);
    return timedCommand(this.ports.metrics, command, ask);
  }

  async charge(usages: readonly UsageEvent[], sender: Sender): Promise<UsageResult> {
    return this.chargeReserved(this.reserve(usages), usages, sender);
  }

  private chargeReserved(calls: Calls, usages: readonly UsageEvent[], sender: Sender): Promise<UsageResult> {
    return scatter(usages, this.shardOf, (shard, own) => this.chargeOn(shard, calls.get(shard) ?? 0, own, sender));
  }

  private async chargeOn(
    shard: number,
    call: number,
    usages: readonly UsageEvent[],
    sender: Sender,
  ): Promise<UsageResult> {
    const flight = flightIn(this.charging, shard);
    try {
      const result = await this.replies.call(
        ANSWER_MS,
        (addressOf) => this.send(USAGE_TOPIC, shard, this.recordsOf(usages, sender, addressOf)),
        collecting(usages.length),
        () => flight.overdue(call),
      );
      flight.answered(call);
      return result;
    } finally {
      flight.end(call);
    }
  }

  /** A call to each shard of this usage, or to none: what one shard refuses must not be on its way to others, again and again. */
  private reserve(usages: readonly UsageEvent[]): Calls {
    const shards = new Set(usages.map(({ organizationId }) => this.shardOf(organizationId)));
    const flights = [...shards].map((shard) => [shard, flightIn(this.charging, shard)] as const);
    if (!flights.every(([, flight]) => flight.isOpen)) {
      this.ports.metrics.count('ledger_overloaded_total');
      throw new LedgerUnavailable('the ledger is behind with what it was sent before; send it again in a moment');
    }
    return new Map(flights.map(([shard, flight]) => [shard, flight.begin()]));
  }

  /** Usage of an organization that is known to be active is only made durable; about the rest its owner is asked. */
  async take(usages: readonly UsageEvent[], sender: Sender): Promise<TakenResult> {
    const active = await this.activeOf(new Set(usages.map(({ organizationId }) => organizationId)));
    const known = usages.filter(({ organizationId }) => active.has(organizationId));
    const unknown = usages.filter(({ organizationId }) => !active.has(organizationId));
    const calls = this.reserve(unknown);
    const [{ outcomes, position }, kept] = await Promise.all([
      this.chargeReserved(calls, unknown, sender),
      this.keep(known, sender),
    ]);
    const answered = new Map(unknown.map((usage, i) => [usage, outcomes[i]]));
    return {
      outcomes: usages.map((usage) => answered.get(usage) ?? { outcome: 'taken' }),
      position: kept === null ? null : coverBoth(position, kept),
    };
  }

  /** Those that are known to be active within a moment. */
  private async activeOf(ids: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    try {
      return await this.replies.inTime(KNOWN_MS, this.ports.activeOrganizations([...ids]));
    } catch (error) {
      if (error instanceof LedgerUnavailable) return new Set();
      throw error;
    }
  }

  /** Resolves once the stream has acknowledged the usage, with the position that covers it where that is known by then. */
  private async keep(usages: readonly UsageEvent[], sender: Sender): Promise<Position | null> {
    const shards = new Set(usages.map(({ organizationId }) => this.shardOf(organizationId)));
    const kept = await Promise.all(
      [...shards].map((shard) => {
        const own = usages.filter(({ organizationId }) => this.shardOf(organizationId) === shard);
        return this.keepOn(shard, own, sender);
      }),
    );
    const none: Position = new Map();
    return kept.reduce((all, one) => (all === null || one === null ? null : coverBoth(all, one)), none);
  }

  /** While a shard is behind one request at a time waits to be told a position: usage is taken as fast as the stream takes it. */
  private async keepOn(shard: number, usages: readonly UsageEvent[], sender: Sender): Promise<Position | null> {
    const send = (addressOf: AddressOf | null): Promise<void> =>
      this.send(USAGE_TOPIC, shard, this.recordsOf(usages, sender, addressOf, KEPT));
    const flight = flightIn(this.keeping, shard);
    if (!flight.isOpen) {
      this.ports.metrics.count('usage_unpositioned_total', {}, usages.length);
      await this.replies.inTime(ANSWER_MS, send(null));
      return null;
    }
    const call = flight.begin();
    let sending: Promise<void> | undefined;
    const told = this.replies
      .call(
        POSITION_MS,
        (addressOf) => (sending = send(addressOf)),
        collecting(usages.length),
        () => flight.overdue(call),
      )
      .then(
        ({ position }) => {
          flight.answered(call);
          return position;
        },
        () => null, // it is durable all the same, or `sending` says why not
      )
      .finally(() => flight.end(call));
    // Where too many calls wait nothing was sent yet.
    await this.replies.inTime(ANSWER_MS, sending ?? send(null));
    return told;
  }

  redrive(usages: readonly UsageEvent[], sender: Sender): Promise<UsageResult> {
    return scatter(usages, this.shardOf, async (shard, own) => {
      const parts = await Promise.all(
        inParts(own).map((part) =>
          this.ask(shard, { kind: 'redrive', usages: part }, sender, SETTLE_MS, collecting(part.length)),
        ),
      );
      const position = parts.map((part) => part.position).reduce(coverBoth);
      return { outcomes: parts.flatMap(({ outcomes }) => outcomes), position };
    });
  }

  asOf: Ledger['asOf'] = (organizationId, when, view) =>
    this.past.of(this.shardOf(organizationId), organizationId, when, view);

  async now(organizationId: string): Promise<Instant> {
    const read = await this.read(organizationId, null, (_, now) => now);
    return read?.value ?? this.ports.clock.now();
  }

  async settleClock(clockId: string): Promise<void> {
    const at = this.ports.catalogue.testClocks.get(clockId)?.now;
    await this.askAll({ kind: 'settle', clock: clockId }, SETTLE_MS, (reply) => reply.kind === 'settled' || undefined);
    const position = await this.headOf(Array.from({ length: this.ports.shards }, (_, shard) => shard));
    this.settled.delete(clockId);
    this.settled.set(clockId, { at, position });
    for (const oldest of this.settled.keys()) {
      if (this.settled.size <= CLOCKS_MAX) break;
      this.settled.delete(oldest);
    }
  }

  /** What covers all that was due when a clock was moved last; where it was not moved here, the end of the organization's log. */
  async settledAt(clockId: string, organizationId: string): Promise<Position> {
    const own = this.settled.get(clockId);
    const isLast = own !== undefined && own.at === this.ports.catalogue.testClocks.get(clockId)?.now;
    return isLast ? own.position : this.head(organizationId);
  }

  /** How far the log of an organization's shard goes; `LedgerUnavailable` where the store cannot say. */
  head(organizationId: string): Promise<Position> {
    return this.headOf([this.shardOf(organizationId)]);
  }

  private async headOf(shards: readonly number[]): Promise<Position> {
    try {
      const heads = shards.map(async (shard) => [shard, await this.ports.store.head(ledgerStream(shard))] as const);
      const known = (await Promise.all(heads)).filter(([, revision]) => revision >= 0);
      return new Map(known.map(([shard, revision]) => [String(shard), revision]));
    } catch (error) {
      throw new LedgerUnavailable('the event store does not answer; try again in a moment', { cause: error });
    }
  }

  /** As `LastPriced`; rejects with `LedgerUnavailable` where some shard does not answer. */
  async lastPriced(card: string, version: number): Promise<Instant | null> {
    const asked = { kind: 'last_priced', card, version } as const;
    const all = await this.askAll(asked, ANSWER_MS, (reply) => (reply.kind === 'last_priced' ? reply : undefined));
    const times = all.flatMap(({ at }) => at ?? []);
    return times.length === 0 ? null : times.reduce(latest);
  }

  private askAll<T>(asked: Asked, ms: number, collect: (reply: Reply) => T | undefined): Promise<T[]> {
    const shards = Array.from({ length: this.ports.shards }, (_, shard) => shard);
    return Promise.all(shards.map((shard) => this.ask(shard, asked, ASKING, ms, collect)));
  }

  private ask<T>(
    shard: number,
    asked: Asked,
    sender: Sender,
    ms: number,
    collect: (reply: Reply) => T | undefined,
  ): Promise<T> {
    const afterCatalogue = this.ports.catalogue.seen;
    return this.replies.call(
      ms,
      (addressOf) => {
        const record = writeCommandRecord({ asked, sender, afterCatalogue, reply: addressOf(0) });
        return this.send(COMMANDS_TOPIC, shard, [record]);
      },
      collect,
    );
  }

  private recordsOf(
    usages: readonly UsageEvent[],
    sender: Sender,
    addressOf: AddressOf | null,
    marks: StreamRecord['headers'] = {},
  ): StreamRecord[] {
    const shared = { ...writeSender(sender), ...writeCatalogueSeen(this.ports.catalogue.seen), ...marks };
    return usages.map((usage, place) => {
      const { key, value, headers } = writeUsageRecord(usage);
      const reply = addressOf === null ? {} : writeReplyAddress(addressOf(place));
      return { key, value, headers: { ...headers, ...shared, ...reply } };
    });
  }

  private async send(topic: string, partition: number, records: readonly StreamRecord[]): Promise<void> {
    try {
      await this.ports.stream.send(topic, partition, records);
    } catch (error) {
      throw unavailable(error);
    }
  }
}

const flightIn = (flights: Map<number, ShardFlight>, shard: number): ShardFlight => {
  const flight = flights.get(shard) ?? new ShardFlight();
  flights.set(shard, flight);
  return flight;
};

/** Cuts usage into parts that fit into a record each. */
const inParts = (usages: readonly UsageEvent[]): UsageEvent[][] => {
  const parts: UsageEvent[][] = [];
  let bytes = REDRIVE_BYTES;
  for (const usage of usages) {
    const own = Buffer.byteLength(JSON.stringify(writeUsage(usage)));
    if (bytes + own > REDRIVE_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)?.push(usage);
    bytes += own;
  }
  return parts;
};
