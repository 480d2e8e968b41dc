import type { BatchLimits } from './batch';
import type { Feed } from './feed';
import { Follower, type FollowerPorts } from './follower';
import type { FollowerHealth } from './follower-status';
import { Reached } from './progress';
import { type Model, modelName, type Projector, suffixOf } from './projector';

/** A model being carried forward in all shards. */
export class ModelRun<E> {
  readonly reached: readonly Reached[];
  private followers: readonly Follower<E>[];
  private building: boolean;
  private stopped = false;
  /** How the model as a whole is, while no follower of it runs. */
  private instead: Pick<FollowerHealth, 'state' | 'reason'> | undefined;

  constructor(
    private readonly ports: FollowerPorts & { readonly batch: BatchLimits; readonly onProgress?: () => void },
    private readonly projector: Projector<unknown, E>,
    readonly model: Model,
    private readonly feeds: readonly Feed<E>[],
    private readonly onGone: () => void,
  ) {
    this.building = model.state === 'building';
    this.reached = feeds.map(() => new Reached());
    this.followers = this.started();
  }

  get name(): string {
    return modelName(this.model);
  }

  get suffix(): string {
    return suffixOf(this.model);
  }

  get isBuilding(): boolean {
    return this.building;
  }

  /** It is asked from now on. */
  serve(): void {
    this.building = false;
  }

  get revisions(): readonly number[] {
    return this.followers.map(({ revision }) => revision);
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  health(): readonly FollowerHealth[] {
    const { instead } = this;
    const health = this.followers.map((follower) => follower.health());
    return instead === undefined ? health : health.map((one) => ({ ...one, ...instead, at: null }));
  }

  /** Has the followers end; resolves when no batch is in hand. Nothing is wrong meanwhile, unless {@link fail} says so. */
  async pause(): Promise<void> {
    this.recovered();
    await Promise.all(this.followers.map((follower) => follower.stop()));
  }

  /** Goes on from the checkpoints after a pause. */
  resume(): void {
    if (this.stopped) return;
    this.instead = undefined;
    this.followers = this.started();
  }

  /** While it pauses: what keeps it from going on is tried again. */
  fail(reason: string): void {
    this.tell('failing', reason);
  }

  /** While it pauses: what kept it from going on does not any more. */
  recovered(): void {
    this.tell('running', null);
  }

  /** While it pauses: it will not go on, and says so loudly. */
  halt(reason: string): void {
    const { log, metrics } = this.ports;
    this.tell('halted', reason);
    for (const shard of this.feeds.keys()) {
      metrics.gauge('consumer_halted', 1, { projector: this.model.projector, shard: String(shard) });
    }
    log.error({ model: this.name }, reason);
  }

  /** Resolves to whether every shard came that far. */
  async cameTo(revisions: readonly number[]): Promise<boolean> {
    if (this.stopped) return false;
    const came = await Promise.all(this.reached.map((reached, shard) => reached.wait(revisions[shard] ?? -1)));
    return came.every(Boolean);
  }

  /** Whoever waits for it need not any more. */
  giveUp(): void {
    for (const reached of this.reached) reached.giveUp();
  }

  /** Finishes the batches in hand. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.followers.map((follower) => follower.stop()));
  }

  private tell(state: FollowerHealth['state'], reason: string | null): void {
    this.instead = { state, reason };
    this.ports.onProgress?.();
  }

  private started(): readonly Follower<E>[] {
    const { ports, projector, model, onGone } = this;
    const followers = this.feeds.map((feed, shard) => {
      const reached = this.reached[shard];
      return new Follower(ports, projector, model, shard, feed, ports.batch, {
        progressed: (revision) => {
          reached?.set(revision);
          ports.onProgress?.();
        },
        halted: () => {
          reached?.giveUp();
          ports.onProgress?.();
        },
        gone: onGone,
      });
    });
    for (const follower of followers) follower.start();
    return followers;
  }
}
