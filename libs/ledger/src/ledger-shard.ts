import { ledgerStream } from '@drawdown/domain';
import { type Instant, positionOf } from '@drawdown/kernel';
import {
  AppendUnknown,
  type Clock,
  type EventStore,
  type Log,
  type Metrics,
  type SnapshotStore,
  StoreUnavailable,
  StreamConflict,
} from '@drawdown/ports';
import type { Catalogue } from './catalogue/catalogue';
import { type Decided, type Deciding, decideWorks, neededBy, undecide } from './decide-works';
import { foldHead, type Resident, type ShardState } from './fold';
import { FrozenGauge } from './frozen-gauge';
import { InvariantViolated } from './invariants';
import { appendUntilKnown, encode } from './journal';
import { DecisionFailed, LedgerUnavailable, ONE_FAILED, ShardStopping } from './ledger';
import { loadShard } from './load-shard';
import { MicroBatch } from './micro-batch';
import { TakenOffsets } from './offsets';
import { ownTime } from './own-time';
import { PastDecisions } from './past-decisions';
import { SettleLateness } from './settle-lateness';
import { ShardSnapshots } from './shard-snapshots';
import { realSleep, type Sleep } from './sleep';
import { Books } from './turn/books';
import { CommandDecisions } from './turn/command-decisions';
import { Settling } from './turn/settling';
import { UsageDecisions } from './turn/usage-decisions';
import type { Work } from './work';
import { WorkQueue } from './work-queue';

export interface ShardPorts {
  readonly store: EventStore;
  readonly snapshots: SnapshotStore;
  readonly catalogue: Catalogue;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Log;
  /** How the ledger waits; real time unless given. */
  readonly sleep?: Sleep;
  /** Whether the clock can be trusted; without it, it is. While it cannot, nothing is settled by time alone (FLT-70). */
  readonly isClockRight?: () => Promise<boolean>;
}

/** Pause after the store could not take an append, before it is tried again (no busy loop on a full disk). */
const RECOVERY_PAUSE_MS = 1_000;

/** After so long without an answer of the store callers are told so; the append goes on being repeated. */
const STALLED_AFTER_MS = 5_000;

/** How long a stop waits for what is under way, and of that for its snapshot. */
const STOP_MS = 8_000;
const SAVE_MS = 3_000;

/** How often what is due by the machine's clock is settled without a command. */
const SETTLE_EVERY_MS = 1_000;

/**
 * The single writer of one shard. Works queue while the append before is in flight; then the whole queue is decided
 * one by one in memory and stored as one append at the expected revision; callers are answered after that.
 */
export class LedgerShard {
  private state: ShardState | null = null;
  private readonly queue = new WorkQueue();
  private deciding: Work | null = null;
  private draining = false;
  private running: Promise<void> | null = null;
  /** True while the state is ahead of the store. */
  private ahead = false;
  private readonly waitingReads: (() => void)[] = [];
  private readonly past: PastDecisions;
  /** Organizations whose books a decision would have broken, with how: to be recorded, if that is not done. */
  private readonly frozen = new Map<string, InvariantViolated>();
  private readonly stopping = new AbortController();
  private readonly sleep: Sleep;
  /** Source offsets of what was decided since the last append without leaving a fact. */
  private passed: TakenOffsets | null = null;
  private lastFailure: { readonly at: number; readonly error: Error } | null = null;
  /** Works whose facts are being stored. */
  private inFlight: readonly Work[] = [];
  /** Set while the store does not answer an append: nobody is left waiting for that. */
  private stalled: LedgerUnavailable | null = null;
  private readonly lateness: SettleLateness;
  private readonly frozenGauge: FrozenGauge;
  private readonly snapshots: ShardSnapshots;
  readonly stream: string;

  constructor(
    readonly shard: number,
    private readonly ports: ShardPorts,
  ) {
    this.stream = ledgerStream(shard);
    this.past = new PastDecisions(ports.store, shard);
    this.sleep = ports.sleep ?? realSleep;
    this.lateness = new SettleLateness(shard, ports.metrics);
    this.frozenGauge = new FrozenGauge(shard, ports.metrics);
    this.snapshots = new ShardSnapshots(this.stream, ports, () => this.storedState);
  }

  async start(): Promise<void> {
    await (this.running ??= this.run());
    if (this.state === null) throw this.lastFailure?.error ?? new LedgerUnavailable(`${this.stream} was not loaded`);
    this.settleByTime().catch((error: unknown) => {
      if (!this.stopping.signal.aborted) this.logFailure(error as Error);
    });
  }

  private async settleByTime(): Promise<never> {
    for (;;) {
      await this.sleep(SETTLE_EVERY_MS, { signal: this.stopping.signal, ref: false });
      this.reportLateness();
      // Its state was dropped, and nobody may ask for it again: a process that is not ready is sent nothing.
      if (this.state === null && !this.draining) this.running ??= this.run();
      const due = this.state?.due.get('')?.peek();
      if (this.draining || due === undefined || due.due > this.ports.clock.now()) continue;
      if ((await this.ports.isClockRight?.()) === false) continue;
      this.submit({ kind: 'settle', clock: '', resolve: () => undefined, reject: this.logFailure });
    }
  }

  /** The state, where it is known and not ahead of the store. */
  private get storedState(): ShardState | null {
    return this.ahead ? null : this.state;
  }

  private reportLateness(): void {
    this.lateness.report(this.storedState, this.frozen, this.ports.clock.now());
  }

  /** Decides and stores everything accepted so far, takes a snapshot, and refuses what comes later. */
  async stop(): Promise<void> {
    this.draining = true;
    const done = new AbortController();
    const late = this.sleep(STOP_MS, { signal: done.signal }).then(
      () => {
        this.stopping.abort();
      },
      () => undefined,
    );
    while (this.running !== null && !this.stopping.signal.aborted) await Promise.race([this.running, late]);
    this.stopping.abort();
    if (this.running !== null) this.fail(new Error('stopped while the event store did not answer'), this.inFlight);
    this.lateness.end();
    this.frozenGauge.end();
    // It makes the next start short, here or elsewhere; but who keeps it may hang, and meanwhile nobody owns the shard.
    const tooLong = this.sleep(SAVE_MS, { signal: done.signal }).catch(() => undefined);
    await Promise.race([this.snapshots.saveRest(), late, tooLong]);
    this.snapshots.giveUp();
    done.abort();
  }

  /** Why the shard cannot work at the moment; null where it can. */
  get trouble(): string | null {
    if (this.stalled !== null) return `${this.stream}: ${this.stalled.message}`;
    if (this.lastFailure !== null) return `${this.stream}: ${this.lastFailure.error.message}`;
    return this.state === null ? `${this.stream} is being loaded` : null;
  }

  get revision(): number {
    return this.state?.revision ?? -1;
  }

  /** The latest event time that a card's version has priced here; throws where that is not known at the moment. */
  lastPriced(card: string, version: number): Instant | null {
    if (this.state === null) throw new LedgerUnavailable(`${this.stream} is being loaded; send it again in a moment`);
    return this.state.lastPriced.get(card)?.get(version) ?? null;
  }

  submit(work: Work): void {
    if (this.draining) {
      work.reject(new ShardStopping('the ledger is shutting down; send it again'));
      return;
    }
    if (this.stalled !== null) {
      work.reject(this.stalled);
      return;
    }
    if (this.queue.isFull) {
      this.ports.metrics.count('ledger_overloaded_total');
      work.reject(new LedgerUnavailable('too much is waiting for this shard; send it again in a moment'));
      return;
    }
    this.queue.push(work);
    this.running ??= this.run();
  }

  /** Shows the durable state: at once where nothing is in flight, else when the append has been answered. */
  async read<T>(view: (state: ShardState, nowFor: (resident: Resident) => Instant) => T): Promise<T> {
    while (this.state === null || this.ahead) {
      if (this.stalled !== null) throw this.stalled;
      if (this.state === null) this.running ??= this.run();
      await new Promise<void>((resolve) => this.waitingReads.push(resolve));
      if (this.state === null && this.lastFailure !== null) throw new LedgerUnavailable(this.lastFailure.error.message);
    }
    const state = this.state;
    const { catalogue, clock } = this.ports;
    return view(state, ({ organization }) => ownTime(organization, state, catalogue, clock.now()));
  }

  private readonly logFailure = (error: Error): void => {
    this.ports.log.error({ stream: this.stream, error: error.message }, 'settling failed');
  };

  private readonly logUnsaved = (error: unknown): void => {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.ports.log.error({ stream: this.stream, error: why }, 'saving a snapshot failed unexpectedly');
  };

  private async load(): Promise<void> {
    this.past.clear();
    this.state = await loadShard(this.shard, this.ports, (bytes) => this.snapshots.loaded(bytes));
    this.frozenGauge.loaded(this.state);
    this.lastFailure = null;
    this.letReadersGo();
  }

  private letReadersGo(): void {
    for (const go of this.waitingReads.splice(0)) go();
  }

  private async run(): Promise<void> {
    try {
      do {
        await Promise.resolve(); // everything submitted in this tick belongs to one batch
        if (this.state === null && !(await this.recover())) continue;
        if (!this.queue.isEmpty) await this.turn();
      } while (!this.queue.isEmpty);
    } catch (error) {
      this.ports.log.error({ stream: this.stream, error: String(error) }, 'unexpected failure of a turn');
      this.fail(error as Error);
    } finally {
      this.running = null;
      this.letReadersGo();
    }
    // Nobody waits for it: neither a start, after which the shard is of use, nor a stop, which has less time for it. That
    // nothing was written it says itself; more than that is a bug.
    if (this.queue.isEmpty) this.snapshots.saveIfDue().catch(this.logUnsaved);
  }

  /** Loads the state again after it was thrown away; where that fails, everything waiting is refused. */
  private async recover(): Promise<boolean> {
    const since = this.lastFailure === null ? Infinity : performance.now() - this.lastFailure.at;
    try {
      if (since < RECOVERY_PAUSE_MS) await this.sleep(RECOVERY_PAUSE_MS - since, { signal: this.stopping.signal });
      await this.load();
      return true;
    } catch (error) {
      const { message } = error as Error;
      this.ports.metrics.count('shard_load_failures_total');
      // Tried once a second, also where nobody asks: told when it begins, and when it is about something else.
      if (message !== this.lastFailure?.error.message) {
        this.ports.log.error({ stream: this.stream, error: message }, 'the shard cannot be loaded');
      }
      this.drop(error as Error);
      return false;
    }
  }

  /** The state may be ahead of the store: forget it, and tell everybody who waits. */
  private fail(error: Error, works: readonly Work[] = []): void {
    this.ports.metrics.count('append_total', { outcome: 'failed' });
    this.ports.log.error({ stream: this.stream, error: error.message }, 'the shard cannot store; its state is dropped');
    this.drop(error, works);
  }

  private drop(error: Error, works: readonly Work[] = []): void {
    this.lastFailure = { at: performance.now(), error };
    this.forgetState();
    const refused = new LedgerUnavailable(`the event store cannot take it: ${error.message}`, { cause: error });
    for (const work of [...works, ...this.queue.takeAll()]) work.reject(refused);
    this.letReadersGo();
  }

  /** Whoever is writing a snapshot of it would keep a second one in memory. */
  private forgetState(): void {
    this.state?.cut?.end();
    this.state = null;
    this.ahead = false;
  }

  private async turn(): Promise<void> {
    const state = this.state;
    if (state === null) return;
    const planned = this.queue.planned();
    try {
      await this.past.fetch(neededBy(state, planned));
    } catch (error) {
      this.fail(error as Error);
      return;
    }
    if (this.state !== state) return; // stopped meanwhile
    state.cut?.beginTurn();
    const batch = new MicroBatch(state.revision + 1, () => state.cut?.isTurnFull === true);
    const previous = state.hash;
    this.ahead = true;
    let decided: Decided;
    try {
      decided = this.decide(state, batch, planned);
    } catch (error) {
      this.dropDecisions(error as Error);
      return;
    }
    if (batch.isEmpty) {
      this.passed = decided.taken;
      this.finish(decided);
    } else await this.store(state, batch, previous, decided);
    this.past.trim();
  }

  private decide(state: ShardState, batch: MicroBatch, planned: readonly Work[]): Decided {
    const taken = new TakenOffsets(state.offsets, this.passed);
    const { catalogue, clock } = this.ports;
    const books = new Books(state, batch, catalogue, clock.now(), this.frozen);
    for (const violation of this.frozen.values()) books.freeze(violation);
    const settling = new Settling(books);
    const usages = new UsageDecisions(books, settling, this.past, catalogue);
    const commands = new CommandDecisions(this.shard, books, settling, this.past, catalogue, taken);
    const deciding: Deciding = { usages, commands, settling, state, batch, taken, failed: this.countFailed };
    const decided = decideWorks(deciding, planned, (work) => (this.deciding = work));
    this.deciding = null;
    books.touched.check();
    this.queue.decided(decided);
    return decided;
  }

  /** A decision failed. */
  private readonly countFailed = ({ cause, message }: Error): void => {
    const error = cause instanceof Error ? (cause.stack ?? cause.message) : message;
    this.ports.log.error({ stream: this.stream, error }, 'a decision failed');
    this.ports.metrics.count('decision_failures_total');
  };

  private async store(state: ShardState, batch: MicroBatch, previous: Buffer, decided: Decided): Promise<void> {
    const { store, metrics } = this.ports;
    const { signal } = this.stopping;
    const started = performance.now();
    const answered = new AbortController();
    this.inFlight = decided.works;
    let bytes = 0;
    this.sleep(STALLED_AFTER_MS, { signal: answered.signal }).then(
      () => {
        this.stall(decided.works);
      },
      () => undefined,
    );
    try {
      const encoded = encode(this.shard, batch, previous, decided.taken.unrecorded());
      const last = encoded.metadata.at(-1);
      if (last !== undefined) foldHead(state, last, batch.lastRevision);
      await appendUntilKnown(store, this.stream, batch.base, encoded.events, metrics, signal, this.sleep);
      bytes = encoded.events.reduce((total, { data }) => total + data.byteLength, 0);
    } catch (error) {
      this.afterFailedAppend(error as Error, decided);
      return;
    } finally {
      answered.abort();
      this.stalled = null;
      this.inFlight = [];
    }
    if (this.state !== state) return; // stopped meanwhile
    this.passed = null;
    metrics.observe('append_duration_seconds', (performance.now() - started) / 1000);
    metrics.observe('append_batch_commands', decided.works.length);
    metrics.count('charges_total', {}, batch.chargeCount);
    metrics.count('ledger_events_total', {}, batch.drafts.length);
    metrics.count('append_bytes_total', {}, bytes);
    this.snapshots.stored(bytes);
    this.finish(decided);
  }

  /** The store does not answer: everybody is told so. The append is repeated until its outcome is known. */
  private stall(works: readonly Work[]): void {
    this.stalled = new LedgerUnavailable(
      'the event store does not answer; the outcome is unknown, send it again with the same key',
    );
    this.ports.log.error({ stream: this.stream }, 'the event store does not answer an append');
    for (const work of [...works, ...this.queue.takeAll()]) work.reject(this.stalled);
    this.letReadersGo();
  }

  /** Everything decided is durable: readers may look, callers are told. */
  private finish(decided: Decided): void {
    for (const work of decided.works) if (work.kind === 'usage') work.durable = work.outcomes.length;
    this.ahead = false;
    if (this.lateness.isLate) this.reportLateness();
    this.letReadersGo();
    const position = positionOf(this.shard, this.revision);
    for (const answer of decided.answers) answer(position);
  }

  /** On a conflict somebody else wrote: never apply the old decision, but load what is there and decide again. */
  private afterFailedAppend(error: Error, decided: Decided): void {
    // Nobody waits any more for works that were told "unknown": they are not decided again.
    const gone = this.stalled !== null ? [] : decided.works.filter((work) => !this.queue.has(work));
    if (error instanceof StreamConflict) {
      this.forgetState();
      this.ports.metrics.count('append_total', { outcome: 'conflict' });
      this.ports.metrics.count('shard_fenced_total');
      this.ports.log.warn({ stream: this.stream, head: error.head }, 'fenced: another writer was here; deciding again');
      undecide(decided.works);
      this.queue.putBack(gone);
      return;
    }
    if (!(error instanceof StoreUnavailable) && !(error instanceof AppendUnknown)) {
      this.ports.log.error(
        { stream: this.stream, error: error.stack ?? error.message },
        'unexpected failure of an append',
      );
    }
    this.fail(error, gone);
  }

  /**
   * Deciding failed after something was booked: nothing of the batch is stored. Where a rule that nothing may break was
   * broken, that organization is frozen, which the next turn records; where the program failed, the work that it failed on
   * is refused, but for what turns before have stored of it. The others are decided again.
   */
  private dropDecisions(error: Error): void {
    const { deciding } = this;
    this.deciding = null;
    // Deciding does not move the state's revision: up to it everything is stored. It goes with the state.
    const position = positionOf(this.shard, this.revision);
    this.forgetState();
    this.queue.undecide();
    const { log, metrics } = this.ports;
    if (error instanceof InvariantViolated) {
      this.frozen.set(error.organizationId, error);
      this.frozenGauge.froze(error.organizationId);
      metrics.count('invariant_violations_total', { invariant: error.invariant });
      log.error(
        { stream: this.stream, violations: error.violations },
        'an invariant was violated; its organization is frozen',
      );
      return;
    }
    const culprit = deciding ?? this.queue.first;
    const stored = culprit?.kind === 'usage' ? culprit.outcomes.slice(0, culprit.durable) : [];
    const failed =
      stored.length === 0
        ? new DecisionFailed('the ledger could not decide this; nothing happened', { cause: error })
        : new DecisionFailed(ONE_FAILED, { cause: error }, { outcomes: stored, position });
    this.countFailed(failed);
    if (culprit === undefined) return;
    this.queue.remove(culprit);
    culprit.reject(failed);
  }
}
