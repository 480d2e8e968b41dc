import {
  DatabaseUnavailable,
  type EventReader,
  type Log,
  type Metrics,
  type ReadDatabase,
  type StoredEvent,
} from '@drawdown/ports';
import { BackOff } from './back-off';
import type { BatchLimits } from './batch';
import { batchLimits } from './batch-limits';
import { Feed } from './feed';
import type { FollowerHealth } from './follower-status';
import { DatabaseTooNew } from './format';
import { type Lag, LagGauge } from './lag-gauge';
import { makeIndexes } from './make-indexes';
import { ModelRun } from './model-run';
import { addGeneration, modelIsGone, prepareModels, serveModel } from './models';
import type { Model, Projector } from './projector';
import { ReadModelBehind, type ReadProgress, untilReached } from './progress';
import type { ProgressReport } from './progress-report';

/** Pauses while the tables cannot be prepared or switched. */
const PREPARE_RETRY_MS = { first: 100, longest: 3_000 };
/** A batch that is not done by then is left to the database, which finishes it or not: the checkpoint knows. */
const DRAIN_MS = 4_000;

export interface ProjectorRunnerOptions<E> {
  readonly store: EventReader;
  readonly database: ReadDatabase;
  readonly projectors: readonly Projector<unknown, E>[];
  /** Number of shards of the store; their streams are `stream(0)` … `stream(shards − 1)`. */
  readonly shards: number;
  readonly stream: (shard: number) => string;
  /** Throws where the event cannot be read, which stops all projectors before it. */
  readonly decode: (shard: number, stored: StoredEvent) => E;
  /** How many charges an event holds, at least 1. */
  readonly weigh: (event: E) => number;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Instead of the usual bounds of a batch. */
  readonly batch?: BatchLimits;
  /** Told whenever {@link ProjectorRunner.report} has something new that somebody may wait for. */
  readonly onProgress?: () => void;
  /** Told that a later release has changed the database, at the start or under it: the models stand still from then on. */
  readonly onTooNew?: (error: DatabaseTooNew) => void;
}

/**
 * Runs projectors: each follows each shard from its own checkpoint and stops on its own. Several runners on one
 * database are safe, and useless but for taking over: the checkpoints fence them.
 */
export class ProjectorRunner<E> implements ReadProgress {
  private readonly stopping = new AbortController();
  private readonly feeds: readonly Feed<E>[];
  private readonly runs = new Map<string, ModelRun<E>[]>();
  private readonly serves = new Map<string, ModelRun<E>>();
  private readonly reopening = new Map<string, Promise<void>>();
  /** Work in the background, awaited by `stop`; nothing in it rejects. */
  private readonly tasks = new Set<Promise<unknown>>();
  private readonly gauge: LagGauge;
  private started: Promise<void> | undefined;
  /** Why the tables are not prepared or not switched; null where all is well. */
  private failure: unknown = null;
  private opened = false;

  constructor(private readonly options: ProjectorRunnerOptions<E>) {
    const { store, stream, decode, weigh, log, metrics } = options;
    this.feeds = Array.from({ length: options.shards }, (_, shard) => {
      const source = { store, stream: stream(shard), decode: (stored: StoredEvent) => decode(shard, stored), weigh };
      return new Feed<E>({ ...source, log, metrics }, this.stopping.signal);
    });
    this.gauge = new LagGauge(() => this.lag(), metrics, log);
  }

  /**
   * Resolves once the tables are there and the projectors run; tries until then, so that nobody need wait for it. Rejects
   * with DatabaseTooNew, and then nothing runs.
   */
  start(): Promise<void> {
    this.started ??= this.open(this.options.projectors).then(() => {
      this.opened = true;
      this.options.onProgress?.();
    });
    this.gauge.start();
    return this.started;
  }

  /** Why the read models are not open; null where they are. What becomes of each then is {@link health}. */
  get trouble(): string | null {
    if (this.failure !== null) return textOf(this.failure);
    return this.opened ? null : 'the tables of the read models are being prepared';
  }

  /** Finishes the batches in hand. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.gauge.stop();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), DRAIN_MS)));
    const runs = [...this.runs.values()].flat();
    for (const run of runs) run.giveUp();
    const stopped = runs.map((run) => run.stop());
    const opened = this.started?.catch(() => undefined); // whoever started it has the rejection
    const ended = Promise.all([...stopped, ...this.tasks, opened, ...this.feeds.map((feed) => feed.ended())]);
    const result = await Promise.race([ended, late]);
    clearTimeout(timer);
    if (result === 'late') this.options.log.warn({ drainMs: DRAIN_MS }, 'stopped with a batch unfinished');
  }

  async serving(projector: string): Promise<string> {
    return this.servingRun(projector).suffix;
  }

  async reached(projector: string, shard: number, revision: number, timeoutMs: number): Promise<void> {
    await untilReached(() => this.servingRun(projector), projector, shard, revision, timeoutMs);
  }

  lost(projector: string, suffix: string): void {
    const run = this.serves.get(projector);
    if (run?.suffix !== suffix) return;
    // Perhaps another read model's table was meant: the checkpoint says whether this one is gone.
    const check = async (): Promise<void> => {
      if (await modelIsGone(this.options.database, run.model)) this.reopen(projector);
    };
    this.inBackground(check());
  }

  /** Everything that runs, model by model and shard by shard; with a reason where it does not go on. */
  health(): readonly FollowerHealth[] {
    return [...this.runs.values()].flat().flatMap((run) => run.health());
  }

  /** All that queries elsewhere need to know: a ProgressMirror there stands for this runner. */
  report(): ProgressReport {
    const { failure, opened } = this;
    const tooNew = failure instanceof DatabaseTooNew ? { found: failure.found, known: failure.known } : null;
    return {
      opened,
      failure: failure === null ? null : { message: textOf(failure), tooNew },
      serving: [...this.serves].map(([projector, { suffix, revisions }]) => ({ projector, suffix, revisions })),
      health: this.health(),
    };
  }

  async lag(): Promise<readonly Lag[]> {
    const heads = await this.heads();
    return [...this.serves].flatMap(([projector, run]) =>
      run.revisions.map((revision, shard) => ({ projector, shard, revision, head: heads[shard] ?? -1 })),
    );
  }

  /**
   * Fills the projector's tables from zero beside the present ones, which answer until the new ones have caught up and
   * are then dropped. Resolves after the switch; rejects where the new ones stop at an event.
   */
  async rebuild(name: string): Promise<void> {
    const projector = this.options.projectors.find((candidate) => candidate.name === name);
    if (projector === undefined) throw new RangeError(`there is no projector ${name}`);
    if (this.runs.get(name)?.some((run) => run.isBuilding) === true) throw new Error(`${name} is being built already`);
    const model = await addGeneration(this.options.database, projector, this.options.shards);
    const run = this.run(projector, model);
    if (!(await this.bringForward(projector, run))) {
      const reason = run.health().find(({ state }) => state === 'halted')?.reason;
      throw new Error(reason ?? `the rebuild of ${name} was interrupted; it goes on at the next start`);
    }
  }

  private servingRun(projector: string): ModelRun<E> {
    const run = this.serves.get(projector);
    if (run !== undefined) return run;
    if (this.failure === null) throw new ReadModelBehind(`the read model ${projector} is being built`);
    throw new DatabaseUnavailable(`the read models are not open: ${textOf(this.failure)}`, { cause: this.failure });
  }

  private async open(projectors: readonly Projector<unknown, E>[]): Promise<void> {
    const { database, shards } = this.options;
    const models = await this.untilDone('the tables of the read models could not be prepared', () =>
      prepareModels(database, projectors, shards),
    );
    for (const model of models ?? []) {
      const projector = projectors.find(({ name }) => name === model.projector);
      if (projector === undefined || this.stopping.signal.aborted) continue;
      const run = this.run(projector, model);
      if (model.state === 'serving') this.serve(projector, run);
      else this.inBackground(this.bringForward(projector, run));
    }
  }

  private run(projector: Projector<unknown, E>, model: Model): ModelRun<E> {
    for (let shard = 0; shard < this.options.shards; shard++) {
      this.options.metrics.gauge('consumer_halted', 0, { projector: projector.name, shard: String(shard) });
    }
    const gone = (): void => this.reopen(projector.name);
    const { options } = this;
    const batch = options.batch ?? batchLimits(options.shards * options.projectors.length);
    const run = new ModelRun({ ...options, batch }, projector, model, this.feeds, gone);
    this.runs.set(projector.name, [...(this.runs.get(projector.name) ?? []), run]);
    return run;
  }

  private serve(projector: Projector<unknown, E>, run: ModelRun<E>): void {
    run.serve();
    this.serves.set(projector.name, run);
    this.options.onProgress?.();
  }

  /** Lets a model that is being built catch up, and has it answer. Resolves to whether it does. */
  private async bringForward(projector: Projector<unknown, E>, run: ModelRun<E>): Promise<boolean> {
    const { log, database } = this.options;
    if (!(await this.cameToHeads(run))) return false;
    const indexes = projector.indexes?.(run.suffix) ?? [];
    if (indexes.length > 0) {
      if (!(await makeIndexes(this.options, indexes, run, this.stopping.signal))) return false;
      if (!(await this.cameToHeads(run))) return false; // what was stored meanwhile
    }
    // The one that answers stands still from here, so that the new one passes it and no read goes back.
    const old = (this.runs.get(projector.name) ?? []).filter(({ model }) => model.generation < run.model.generation);
    await Promise.all(old.map((other) => other.stop()));
    for (const other of old) {
      if (await run.cameTo(other.revisions)) continue;
      this.reopen(projector.name); // the old one must go on
      return false;
    }
    this.serve(projector, run); // first, so that who finds the old tables dropped finds these
    this.runs.set(projector.name, [run]);
    for (const other of old) other.giveUp();
    await this.untilDone('the new tables could not be switched to', () => serveModel(database, projector, run.model));
    log.info({ model: run.name }, 'a read model has caught up and answers from now on');
    return true;
  }

  private async cameToHeads(run: ModelRun<E>): Promise<boolean> {
    const heads = await this.untilDone('the heads of the log could not be read', () => this.heads());
    return heads !== undefined && run.cameTo(heads);
  }

  /** The projector's models have changed under it: another process has switched, or the database was emptied. */
  private reopen(name: string): void {
    const projector = this.options.projectors.find((candidate) => candidate.name === name);
    if (projector === undefined || this.reopening.has(name) || this.stopping.signal.aborted) return;
    const reopened = async (): Promise<void> => {
      this.options.log.warn({ projector: name }, 'the tables of a read model are gone: looking for what there is now');
      this.serves.delete(name);
      this.options.onProgress?.();
      const runs = this.runs.get(name) ?? [];
      this.runs.set(name, []);
      for (const run of runs) run.giveUp();
      await Promise.all(runs.map((run) => run.stop()));
      await this.open([projector]);
      this.reopening.delete(name);
    };
    const reopening = reopened();
    this.reopening.set(name, reopening);
    this.inBackground(reopening);
  }

  /** Repeats until it succeeds; undefined where the runner stops before. */
  private async untilDone<T>(failure: string, work: () => Promise<T>): Promise<T | undefined> {
    const backOff = new BackOff(PREPARE_RETRY_MS.first, PREPARE_RETRY_MS.longest);
    while (!this.stopping.signal.aborted) {
      try {
        const result = await work();
        this.failure = null;
        return result;
      } catch (error) {
        this.failure = error;
        this.options.onProgress?.();
        this.options.metrics.count('projection_errors_total', { projector: 'all' });
        if (error instanceof DatabaseTooNew) {
          this.options.onTooNew?.(error);
          throw error; // time does not cure it
        }
        this.options.log.warn({ error: textOf(error) }, failure);
        await backOff.pause(this.stopping.signal);
      }
    }
    return undefined;
  }

  private heads(): Promise<readonly number[]> {
    const { store, stream } = this.options;
    return Promise.all(this.feeds.map((_, shard) => store.head(stream(shard))));
  }

  private inBackground(task: Promise<unknown>): void {
    this.tasks.add(task);
    const done = (): boolean => this.tasks.delete(task);
    task.then(done, (error: unknown) => {
      done();
      this.options.log.error({ error: String(error) }, 'a task of the projectors failed');
    });
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
