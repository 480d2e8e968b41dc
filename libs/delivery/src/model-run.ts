import type { BatchLimits } from './batch';
import type { Feed } from './feed';
import { Follower, type FollowerHealth, type FollowerPorts } from './follower';
import { Reached } from './progress';
import { type Model, modelName, type Projector, suffixOf } from './projector';

/** A model being carried forward in all shards. */
export class ModelRun<E> {
  readonly reached: readonly Reached[];
  private readonly followers: readonly Follower<E>[];

  private building: boolean;

  constructor(
    ports: FollowerPorts & { readonly batch: BatchLimits; readonly onProgress?: () => void },
    projector: Projector<unknown, E>,
    readonly model: Model,
    feeds: readonly Feed<E>[],
    onGone: () => void,
  ) {
    this.building = model.state === 'building';
    this.reached = feeds.map(() => new Reached());
    this.followers = feeds.map((feed, shard) => {
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
    for (const follower of this.followers) follower.start();
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

  health(): readonly FollowerHealth[] {
    return this.followers.map((follower) => follower.health());
  }

  /** Resolves to whether every shard came that far. */
  async cameTo(revisions: readonly number[]): Promise<boolean> {
    const came = await Promise.all(this.reached.map((reached, shard) => reached.wait(revisions[shard] ?? -1)));
    return came.every(Boolean);
  }

  /** Whoever waits for it need not any more. */
  giveUp(): void {
    for (const reached of this.reached) reached.giveUp();
  }

  /** Finishes the batches in hand. */
  async stop(): Promise<void> {
    await Promise.all(this.followers.map((follower) => follower.stop()));
  }
}
