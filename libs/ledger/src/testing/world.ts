import { type OrganizationCommand, type UsageEvent, walletBalances, walletNamed } from '@drawdown/domain';
import { amount, flatRate, instant, preset, START, usage } from '@drawdown/domain/testing';
import { format, type Instant, type JsonObject } from '@drawdown/kernel';
import { type EventStore, type Log, NO_LOG, type SnapshotStore } from '@drawdown/ports';
import { inMemoryEventStore, inMemorySnapshots, type ManualClock, manualClock } from '@drawdown/ports/testing';
import type { ShardState } from '../fold';
import type { CommandResult, Idempotency, Sender, UsageResult } from '../ledger';
import { LocalCatalogue } from '../catalogue/local-catalogue';
import { LocalLedger } from '../local-ledger';
import type { SourceOffset } from '../work';
import { CountedMetrics } from './recording';
import { VirtualTime } from './virtual-time';

export const SENDER: Sender = { actor: { type: 'key', id: 'key_test', role: null }, requestId: 'req_test' };
export const ACME = 'acme';

export interface LedgerWorld {
  readonly store: EventStore;
  readonly snapshots: SnapshotStore;
  readonly clock: ManualClock;
  readonly time: VirtualTime;
  readonly metrics: CountedMetrics;
  readonly catalogue: LocalCatalogue;
  readonly ledger: LocalLedger;
  run(
    command: OrganizationCommand,
    options?: { readonly of?: string; readonly key?: string; readonly hash?: string },
  ): Promise<CommandResult>;
  /** Runs a command under an id of its own, so that the ids it makes are known. */
  submit(
    commandId: string,
    command: OrganizationCommand,
    of?: string,
    idempotency?: Idempotency,
    source?: SourceOffset,
  ): Promise<CommandResult>;
  charge(...usages: readonly UsageEvent[]): Promise<UsageResult>;
  /** What an organization could spend now. */
  available(of?: string): Promise<string>;
  state(shard?: number): Promise<ShardState>;
  /** Another process on the same store, snapshots and clock. */
  again(): Promise<LedgerWorld>;
}

type Given = Partial<Pick<LedgerWorld, 'store' | 'snapshots' | 'clock' | 'time'>> & {
  readonly shards?: number;
  readonly isClockRight?: () => Promise<boolean>;
  readonly log?: Log;
};

/** A ledger in memory, started. What is not given is fresh: an empty store, a clock that stands at {@link START}. */
export const openLedger = async (given: Given = {}): Promise<LedgerWorld> => {
  const { store = inMemoryEventStore(), snapshots = inMemorySnapshots(), clock = manualClock(START) } = given;
  const { time = new VirtualTime(), shards = 1, isClockRight = async () => true, log = NO_LOG } = given;
  const metrics = new CountedMetrics();
  const catalogue: LocalCatalogue = new LocalCatalogue(
    store,
    clock,
    (card, v) => ledger.lastPriced(card, v),
    time.sleep,
  );
  const ledger = new LocalLedger(shards, {
    store,
    snapshots,
    catalogue,
    clock,
    metrics,
    log,
    sleep: time.sleep,
    isClockRight,
  });
  await catalogue.start();
  await ledger.start();
  return {
    ...{ store, snapshots, clock, time, metrics, catalogue, ledger },
    run: (command, { of = ACME, key, hash = 'hash' } = {}) =>
      ledger.run(of, command, SENDER, key === undefined ? null : { key, hash }),
    submit: (commandId, command, organizationId = ACME, idempotency = undefined, source = undefined) =>
      new Promise((resolve, reject) => {
        const work = { organizationId, command, commandId, sender: SENDER };
        const from = { idempotency: idempotency ?? null, source: source ?? null };
        ledger.shards[ledger.shardOf(organizationId)]?.submit({ kind: 'command', ...work, ...from, resolve, reject });
      }),
    charge: (...usages) => ledger.charge(usages, SENDER),
    available: async (of = ACME) => {
      const read = await ledger.read(of, null, (organization, now) => {
        const wallet = walletNamed(organization, 'credits');
        return wallet === undefined ? 'no wallet' : format(walletBalances(wallet, organization, now).available);
      });
      return read?.value ?? 'no organization';
    },
    state: async (shard = 0) => {
      const owner = ledger.shards[shard];
      if (owner === undefined) throw new Error(`no shard ${String(shard)}`);
      return owner.read((state) => state);
    },
    again: () => openLedger({ store, snapshots, clock, shards }),
  };
};

export const mustBeAccepted = async (result: Promise<CommandResult>): Promise<JsonObject> => {
  const done = await result;
  if (!done.accepted) throw new Error(`not accepted: ${JSON.stringify(done)}`);
  return done.answer;
};

/** The id of what a command made, from its answer. */
export const idIn = (answer: JsonObject): string => {
  if (typeof answer['id'] !== 'string') throw new Error(`no id: ${JSON.stringify(answer)}`);
  return answer['id'];
};

/** An organization with a card that prices every unit at one credit, and credits to spend. */
export const withOrganization = async (
  world: LedgerWorld,
  { id = ACME, credits = '100', testClock = null as string | null, policy = preset() } = {},
): Promise<void> => {
  if (world.catalogue.rateCards.get('card') === undefined) await createCard(world);
  const run = (command: OrganizationCommand) => mustBeAccepted(world.run(command, { of: id }));
  await run({ type: 'CreateOrganization', name: id, preset: policy, plan: null, testClock });
  await run({ type: 'AssignRateCard', rateCard: 'card' });
  if (credits !== '0') await run(grant(credits));
};

export const createCard = async (
  { catalogue }: Pick<LedgerWorld, 'catalogue'>,
  from: Instant = instant('2020-01-01'),
): Promise<void> => {
  await catalogue.rateCards.create({ key: 'card', name: 'Card', unit: 'credit', organizationId: null }, SENDER);
  const rates = ['llm_call', 'compute', 'email'].map((service) => flatRate(service));
  await catalogue.rateCards.saveVersion('card', { rates, rounding: null, effectiveFrom: null }, SENDER);
  await catalogue.rateCards.activateVersion('card', 1, from, SENDER);
};

type Terms = Partial<Extract<OrganizationCommand, { type: 'GrantCredits' }>>;
export const grant = (credits: string, terms: Terms = {}): OrganizationCommand => ({
  ...{ type: 'GrantCredits', wallet: 'credits', creditType: 'purchased', amount: amount(credits), priority: null },
  ...{ effectiveAt: null, expiresAt: null, scope: null, cap: null, costBasis: null, reason: 'test' },
  ...terms,
});
export const hold = (credits: string, expiresAt: Instant | null = null): OrganizationCommand => ({
  ...{ type: 'AuthorizeHold', wallet: 'credits', amount: amount(credits), expiresAt },
  ...{ serviceType: null, reference: null },
});
export const refund = (transactionId: string, credits: string | null = null): OrganizationCommand => ({
  ...{ type: 'RefundCharge', charge: null, transactionId, reason: 'test' },
  amount: credits === null ? null : amount(credits),
});

/** Usage of {@link ACME} worth so many credits by the card. */
export const used = (id: string, units = '1', changes: Partial<UsageEvent> = {}): UsageEvent =>
  usage(units, { organizationId: ACME, id, ...changes });
