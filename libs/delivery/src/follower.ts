import type { Log, Metrics, ReadDatabase } from '@drawdown/ports';
import { BackOff, pause } from './back-off';
import { type Batch, type BatchLimits, UnreadableAt } from './batch';
import type { Feed, FeedCursor } from './feed';
import { type FollowerHealth, FollowerStatus, isAway, textOf } from './follower-status';
import { type Checkpoint, checkpointOf, codeOf, moveCheckpoint, UNDEFINED_TABLE } from './models';
import { type Halt, NotOfTheLog, offTheLog } from './off-the-log';
import { type Model, modelName, type Projector, suffixOf } from './projector';
import { Portion } from './portion';
import { Rest } from './rest';

/** Pauses while database or store are away, or a transaction fails for another reason. */
const RETRY_MS = { first: 50, longest: 2_000 };
/** Pauses of a runner that another one fences: it stands by, and takes over when the other is gone. */
const FENCED_MS = { first: 20, longest: 1_000 };
/** Longest random pause before a transaction that met another is tried again. */
const CONFLICT_PAUSE_MS = 20;

/** Errors that a repetition of the whole transaction cures: serialization failure, deadlock. */
const CONFLICTS: ReadonlySet<unknown> = new Set(['40001', '40P01']);
export interface FollowerPorts {
  readonly database: ReadDatabase;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** What a follower tells its owner. */
export interface FollowerEvents {
  /** After each commit, and where the checkpoint is found. */
  progressed(revision: number): void;
  halted(): void;
  /** At most once: the model's checkpoint or tables are gone, the follower has ended. */
  gone(): void;
}

/** Deltas of a batch, ready to be saved; `halt` where the event after it stops the projector. */
interface Applied<D> {
  readonly deltas: D;
  readonly last: number;
  readonly lastId: string | null;
  readonly events: number;
  readonly weight: number;
  readonly halt: Halt | undefined;
}
type Step = Applied<unknown> | { readonly halt: Halt } | undefined;

/**
 * Carries one shard's events into one model, batch by batch: rows and checkpoint in one transaction, the checkpoint
 * first and by compare-and-set (INV-DEL-4). While a batch is being committed the next one is applied.
 */
export class Follower<E> {
  private committed = -1;
  private readonly status: FollowerStatus;
  private readonly cursor: FeedCursor<E>;
  private readonly stopping = new AbortController();
  private readonly fencedBackOff = new BackOff(FENCED_MS.first, FENCED_MS.longest);
  private readonly labels: { readonly projector: string };
  private done: Promise<void> | undefined;
  private readonly portion: Portion;
  /** From the begin of a commit until the database has rested. */
  private isSaving = false;
  private isGrowing = false;
  private readonly rest: Rest;
  private commitMs = 0;
  private isOnTheLog = false;

  constructor(
    private readonly ports: FollowerPorts,
    private readonly projector: Projector<unknown, E>,
    readonly model: Model,
    readonly shard: number,
    private readonly feed: Feed<E>,
    private readonly limits: BatchLimits,
    private readonly events: FollowerEvents,
  ) {
    this.rest = new Rest(projector.freshness.restMs);
    this.portion = new Portion(limits);
    this.cursor = feed.cursor();
    this.labels = { projector: projector.name };
    this.status = new FollowerStatus(ports, this.labels, model, shard);
  }

  get revision(): number {
    return this.committed;
  }

  health(): FollowerHealth {
    return {
      projector: this.projector.name,
      model: modelName(this.model),
      shard: this.shard,
      stream: this.feed.source.stream,
      revision: this.committed,
      ...this.status.health(this.feed.trouble),
    };
  }

  start(): void {
    this.done ??= this.run();
  }

  /** Finishes the batch in hand. What a database that is away keeps from being saved is read again at the next start. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.cursor.close();
    this.rest.cut();
    await this.done;
  }

  private get stopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    const backOff = new BackOff(RETRY_MS.first, RETRY_MS.longest);
    let next = await this.load();
    let saving: Promise<boolean> = Promise.resolve(true);
    while (next !== undefined && !this.stopped) {
      const step = await this.grown(await this.step(next, backOff));
      if (!(await saving)) {
        next = await this.load();
        saving = Promise.resolve(true);
        continue;
      }
      if (step === undefined) continue;
      if ('deltas' in step) {
        saving = this.save(next - 1, step);
        next = step.last + 1;
      }
      if (step.halt !== undefined && (await saving)) return this.halt(step.halt);
    }
    await saving;
  }

  /** The next events, applied; undefined where the follower stops, or what was to be saved has not been. */
  private async step(next: number, backOff: BackOff): Promise<Step> {
    while (!this.stopped) {
      try {
        const batch = await this.cursor.take(next, this.portion.limits);
        return batch === undefined ? undefined : this.apply(batch, next);
      } catch (error) {
        if (error instanceof UnreadableAt) {
          return { halt: { revision: error.revision, type: error.type, reason: error.message } };
        }
        if (error instanceof NotOfTheLog) return { halt: { revision: next, type: null, reason: error.message } };
        this.status.fail(error, 'events could not be read');
        await backOff.pause(this.stopping.signal);
      }
    }
    return undefined;
  }

  /**
   * What comes while the batch before is being committed joins the one that waits for that, so that a row that both
   * change is written once: under load batches grow to what the database is worth. Undefined where joining failed: the
   * events are then taken again in smaller batches, of which the one that fails says why.
   */
  private async grown(step: Step): Promise<Step> {
    if (step === undefined || !('deltas' in step)) return step;
    let { last, lastId, events, weight } = step;
    while (this.isSaving && this.portion.isWhole && step.halt === undefined) {
      const { events: most, weight: heaviest } = this.limits;
      if (events >= most || weight >= heaviest) break;
      const more = await this.arriving(last + 1, { events: most - events, weight: heaviest - weight });
      if (more === undefined) break;
      this.rest.heard();
      try {
        for (const event of more.events) this.projector.apply(step.deltas, event);
      } catch (error) {
        const fields = { model: modelName(this.model), shard: this.shard, error: textOf(error) };
        this.ports.log.warn(fields, 'a batch is applied again in smaller parts');
        return undefined;
      }
      last = more.last;
      lastId = more.ids.at(-1) ?? null;
      events += more.events.length;
      weight += more.weight;
    }
    this.rest.cut(); // it is full, or has to stop
    return { ...step, last, lastId, events, weight };
  }

  /** The next events, unless the commit under way ends first. What fails here fails again when it is taken by itself. */
  private async arriving(from: number, limits: BatchLimits): Promise<Batch<E> | undefined> {
    this.isGrowing = true;
    try {
      return await this.cursor.take(from, limits);
    } catch {
      return undefined; // met again, and reported, by the next step
    } finally {
      this.isGrowing = false;
    }
  }

  /** The revision after the checkpoint; undefined where the model is gone or the follower stops. */
  private async load(): Promise<number | undefined> {
    const backOff = new BackOff(RETRY_MS.first, RETRY_MS.longest);
    while (!this.stopped) {
      try {
        const checkpoint = await checkpointOf(this.ports.database, this.model, this.shard);
        if (checkpoint === undefined) return this.gone();
        const { revision } = checkpoint;
        this.committed = revision;
        const halt = await this.offTheLog(checkpoint);
        if (halt !== undefined) return this.halt(halt);
        if (this.portion.isWhole) this.status.recovered();
        this.events.progressed(revision);
        return revision + 1;
      } catch (error) {
        if (codeOf(error) === UNDEFINED_TABLE) return this.gone();
        this.status.fail(error, 'the checkpoint could not be read, or not be compared with the log');
        await backOff.pause(this.stopping.signal);
      }
    }
    return undefined;
  }

  private apply(batch: Batch<E>, from: number): Applied<unknown> {
    const { projector } = this;
    const deltas = projector.begin();
    for (const [index, event] of batch.events.entries()) {
      try {
        projector.apply(deltas, event);
      } catch (error) {
        // What a half-applied event left in the deltas must not be saved: those before it are applied again.
        const before = projector.begin();
        for (const good of batch.events.slice(0, index)) projector.apply(before, good);
        const revision = from + index;
        const reason = `${this.feed.source.stream} revision ${String(revision)} cannot be applied: ${textOf(error)}`;
        const halt = { revision, type: null, reason };
        return {
          deltas: before,
          last: revision - 1,
          lastId: batch.ids[index - 1] ?? null,
          events: index,
          weight: index,
          halt,
        };
      }
    }
    return {
      deltas,
      last: batch.last,
      lastId: batch.ids.at(-1) ?? null,
      events: batch.events.length,
      weight: batch.weight,
      halt: undefined,
    };
  }

  /** Commits the batch while the next one is awaited and applied; where it could not, that waiting is over. Never rejects. */
  private async save(from: number, applied: Applied<unknown>): Promise<boolean> {
    this.isSaving = true;
    this.rest.reset();
    const saved = await this.commit(from, applied);
    if (saved && !this.stopped)
      await this.rest.from(this.commitMs, { events: applied.events, charges: applied.weight });
    this.isSaving = false;
    if (!saved || this.isGrowing) this.cursor.interrupt();
    return saved;
  }

  /**
   * Repeats the transaction until it is decided. False where the follower is fenced, stops before the batch is saved, or
   * has to read it again in smaller parts.
   */
  private async commit(from: number, applied: Applied<unknown>): Promise<boolean> {
    const { database, metrics } = this.ports;
    const backOff = new BackOff(RETRY_MS.first, RETRY_MS.longest);
    if (applied.events === 0) return true;
    for (;;) {
      const began = performance.now();
      try {
        const moved = await database.transaction(async (tx) => {
          const to = { revision: applied.last, eventId: applied.lastId };
          if (!(await moveCheckpoint(tx, this.model, this.shard, from, to))) return false;
          await this.projector.save(tx, suffixOf(this.model), applied.deltas);
          return true;
        });
        if (!moved) return await this.fenced(from);
        metrics.count('projection_commits_total', this.labels);
        metrics.observe('projection_batch_events', applied.events, this.labels);
        metrics.observe('projection_batch_charges', applied.weight, this.labels);
        this.fencedBackOff.reset();
        this.commitMs = performance.now() - began;
        this.committed = applied.last;
        this.portion.saved();
        this.status.recovered();
        this.events.progressed(applied.last);
        return true;
      } catch (error) {
        if (this.stopped) return false;
        if (CONFLICTS.has(codeOf(error))) {
          metrics.count('projection_retries_total', this.labels);
          await pause(Math.random() * CONFLICT_PAUSE_MS, this.stopping.signal);
          continue;
        }
        this.status.fail(error, 'a batch could not be saved', applied.events === 1 ? from + 1 : undefined);
        const isRefused = !isAway(error);
        if (isRefused) this.portion.failed();
        await backOff.pause(this.stopping.signal);
        // Another try finds out whether the tables are gone, and which event it is.
        if (codeOf(error) === UNDEFINED_TABLE || (isRefused && applied.events > 1)) return false;
      }
    }
  }

  /** Looked at once: nobody replaces a log under a process. While the store is away the rows answer as they are. */
  private async offTheLog(checkpoint: Checkpoint): Promise<Halt | undefined> {
    if (this.isOnTheLog) return undefined;
    const off = await offTheLog(this.feed.source, checkpoint).catch((error: unknown) => {
      this.events.progressed(checkpoint.revision);
      throw error;
    });
    this.isOnTheLog = off === undefined;
    return off;
  }

  private async fenced(from: number): Promise<false> {
    this.ports.metrics.count('projection_fenced_total', this.labels);
    this.ports.log.warn(
      { model: modelName(this.model), shard: this.shard, revision: from },
      'the checkpoint has moved under this projector: wrote nothing, reading again',
    );
    await this.fencedBackOff.pause(this.stopping.signal);
    return false;
  }

  private gone(): undefined {
    if (!this.stopped) this.events.gone();
    return undefined;
  }

  /** Stops at an event for good, loudly (INV-DEL-7). */
  private halt(halt: Halt): undefined {
    this.status.halt(halt);
    this.cursor.close();
    this.events.halted();
  }
}
