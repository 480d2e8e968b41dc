import type { Charge, Organization, OrganizationCommand, UsageEvent } from '@drawdown/domain';
import { CATALOGUE, coverBoth, type Instant, latest, type Position, positionOf } from '@drawdown/kernel';
import { randomUUID } from 'node:crypto';
import { PastViews } from './as-of';
import { catalogueRefusal } from './catalogue/catalogue-refusal';
import { timedCommand } from './command-duration';
import {
  type AsOf,
  type CommandResult,
  type Idempotency,
  type Ledger,
  ReadBehind,
  type Sender,
  type UsageResult,
} from './ledger';
import { LedgerShard, type ShardPorts } from './ledger-shard';
import { chargedBefore } from './long-ago';
import { RefundSearch, withOldCharge } from './refund-search';
import { scatter } from './scatter';
import { shardOf } from './shard-of';
import { realSleep } from './sleep';
import { submitCommand, submitSettling, submitUsages } from './submit';
import type { UsageSource, UsageWork } from './work';

/** How long a read waits for the position its caller has seen, and how often it looks. */
const READ_WAIT_MS = 5_000;
const READ_STEP_MS = 50;

/** A ledger whose shards all live in this process. */
export class LocalLedger implements Ledger {
  readonly shards: readonly LedgerShard[];
  private readonly search: RefundSearch;
  private readonly past: PastViews;

  constructor(
    count: number,
    private readonly ports: ShardPorts,
  ) {
    this.search = new RefundSearch(ports.store);
    this.past = new PastViews(ports.store);
    this.shards = Array.from({ length: count }, (_, shard) => new LedgerShard(shard, ports));
  }

  async start(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.start()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.shards.map((shard) => shard.stop()));
  }

  /** Why some shard cannot work at the moment; null where all can. */
  get trouble(): string | null {
    return this.shards.map((shard) => shard.trouble).find((trouble) => trouble !== null) ?? null;
  }

  shardOf(organizationId: string): number {
    return shardOf(organizationId, this.shards.length);
  }

  private shard(organizationId: string): LedgerShard {
    const shard = this.shards[this.shardOf(organizationId)];
    if (shard === undefined) throw new Error('a ledger without shards');
    return shard;
  }

  /** A command is in its shard's queue when this returns, but a refund that has to be looked for in the log first. */
  run(
    organizationId: string,
    command: OrganizationCommand,
    sender: Sender,
    idempotency: Idempotency | null,
  ): Promise<CommandResult> {
    const { metrics } = this.ports;
    return timedCommand(metrics, command, () => this.decide(organizationId, command, sender, idempotency));
  }

  private decide(
    organizationId: string,
    command: OrganizationCommand,
    sender: Sender,
    idempotency: Idempotency | null,
  ): Promise<CommandResult> {
    const refusal = catalogueRefusal(this.ports.catalogue, organizationId, command);
    if (refusal !== null) return Promise.resolve({ accepted: false, refusal, replayed: false });
    const shard = this.shard(organizationId);
    const submit = (complete: OrganizationCommand): Promise<CommandResult> => {
      const commandId = randomUUID();
      return submitCommand(shard, { organizationId, command: complete, commandId, sender, idempotency, source: null });
    };
    if (command.type !== 'RefundCharge') return submit(command);
    return withOldCharge(this.search, shard, organizationId, command, idempotency).then(submit);
  }

  charge(usages: readonly UsageEvent[], sender: Sender): Promise<UsageResult> {
    return this.submitUsages(usages, sender, null);
  }

  /** In one process taken is charged. */
  take(usages: readonly UsageEvent[], sender: Sender): Promise<UsageResult> {
    return this.charge(usages, sender);
  }

  async redrive(usages: readonly UsageEvent[], sender: Sender): Promise<UsageResult> {
    const charged = new Map<UsageEvent, Charge>();
    for (const shard of this.shards) {
      const own = usages.filter(({ organizationId }) => this.shardOf(organizationId) === shard.shard);
      for (const [usage, charge] of await chargedBefore(shard, own, this.ports)) charged.set(usage, charge);
    }
    return this.submitUsages(usages, sender, charged);
  }

  /** Usage that a stream delivered: its offset is stored with what it became (INV-INT-10). */
  chargeFrom(source: UsageSource, shard: number, usages: readonly UsageEvent[], sender: Sender): Promise<UsageResult> {
    return this.submitTo(shard, usages, sender, null, source);
  }

  private submitUsages(
    usages: readonly UsageEvent[],
    sender: Sender,
    redrive: UsageWork['redrive'],
  ): Promise<UsageResult> {
    if (this.shards.length === 1) return this.submitTo(0, usages, sender, redrive, null);
    return scatter(
      usages,
      (organizationId) => this.shardOf(organizationId),
      (shard, own) => this.submitTo(shard, own, sender, redrive, null),
    );
  }

  private submitTo(
    shard: number,
    usages: readonly UsageEvent[],
    sender: Sender,
    redrive: UsageWork['redrive'],
    source: UsageSource | null,
  ): Promise<UsageResult> {
    const owner = this.shards[shard];
    if (owner === undefined) return Promise.reject(new RangeError(`there is no shard ${String(shard)}`));
    return submitUsages(owner, { usages, sender, senders: null, redrive, source });
  }

  async read<T>(
    organizationId: string,
    after: Position | null,
    view: (organization: Organization, now: Instant) => T,
  ): Promise<{ readonly value: T; readonly asOf: AsOf } | undefined> {
    const shard = this.shard(organizationId);
    const seen = after === null ? null : await this.reached(shard, after);
    return shard.read((state, nowFor) => {
      const resident = state.residents.get(organizationId);
      if (resident === undefined) return undefined;
      const now = nowFor(resident);
      const own = positionOf(shard.shard, state.revision);
      const position = seen === null ? own : coverBoth(own, seen);
      return { value: view(resident.organization, now), asOf: { position, time: now } };
    });
  }

  /** Waits for what a caller has seen of a shard and of the catalogue; answers the latter, null where that is nothing. */
  private async reached(shard: LedgerShard, after: Position): Promise<Position | null> {
    const wanted = after.get(String(shard.shard)) ?? -1;
    const ofCatalogue = after.get(CATALOGUE);
    await Promise.all([
      wanted > shard.revision ? this.waitFor(shard, wanted) : undefined,
      ofCatalogue === undefined ? undefined : this.ports.catalogue.reached(ofCatalogue),
    ]);
    return ofCatalogue === undefined ? null : positionOf(CATALOGUE, ofCatalogue);
  }

  private async waitFor(shard: LedgerShard, revision: number): Promise<void> {
    const { sleep = realSleep, metrics } = this.ports;
    for (let waited = 0; shard.revision < revision; waited += READ_STEP_MS) {
      if (waited >= READ_WAIT_MS) {
        metrics.count('read_waits_total', { outcome: 'behind' });
        throw new ReadBehind('this position is further than what is stored');
      }
      await sleep(READ_STEP_MS);
    }
    metrics.count('read_waits_total', { outcome: 'caught_up' });
  }

  asOf<T>(
    organizationId: string,
    when: { readonly position: Position } | { readonly instant: Instant },
    view: (organization: Organization, now: Instant) => T,
  ): Promise<{ readonly value: T; readonly asOf: AsOf } | undefined> {
    return this.past.of(this.shardOf(organizationId), organizationId, when, view);
  }

  async now(organizationId: string): Promise<Instant> {
    const read = await this.read(organizationId, null, (_, now) => now);
    return read?.value ?? this.ports.clock.now();
  }

  async settleClock(clockId: string): Promise<void> {
    await Promise.all(this.shards.map((shard) => submitSettling(shard, clockId)));
  }

  /** As {@link LastPriced}; rejects with `LedgerUnavailable` where that is not known now. */
  async lastPriced(card: string, version: number): Promise<Instant | null> {
    let last: Instant | null = null;
    for (const shard of this.shards) {
      const own = shard.lastPriced(card, version);
      if (own !== null) last = last === null ? own : latest(last, own);
    }
    return last;
  }
}
