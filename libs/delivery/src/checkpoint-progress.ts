import type { Log, Row, Sql } from '@drawdown/ports';
import { codeOf, modelsOf, UNDEFINED_TABLE } from './models';
import { type Model, type Projector, suffixOf } from './projector';
import { Reached, ReadModelBehind, type ReadProgress } from './progress';
import { setTimeout as pause } from 'node:timers/promises';

/** How often the checkpoints are read while somebody waits for one: a commit is seen half of it later on average. */
const POLL_MS = 20;

/** A model's checkpoints by shard. */
type Shards = Map<number, Reached>;

/**
 * How far read models are that other processes carry forward: what their checkpoints in the database say. Those are read
 * for all who wait at once, and not at all while nobody does.
 */
export class CheckpointProgress implements ReadProgress {
  private readonly suffixes = new Map<string, string>();
  /** By the model's name; only those somebody waits for. */
  private readonly awaited = new Map<string, Shards>();
  private waiting = 0;
  private polling = false;
  private failing = false;

  constructor(
    private readonly database: Sql,
    /** Which version of each read model this program asks. */
    private readonly projectors: readonly Pick<Projector<unknown, never>, 'name' | 'version'>[],
    private readonly log: Log,
  ) {}

  async serving(projector: string): Promise<string> {
    const known = this.suffixes.get(projector);
    if (known !== undefined) return known;
    const suffix = suffixOf(await this.findServing(projector));
    this.suffixes.set(projector, suffix);
    return suffix;
  }

  async reached(projector: string, shard: number, revision: number, timeoutMs: number): Promise<void> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const suffix = await this.serving(projector);
      const reached = this.await(projector + suffix, shard);
      if (await this.waitFor(reached, revision, until - performance.now())) return;
      // Given up: perhaps because another generation answers now.
      if ((await this.serving(projector)) !== suffix) continue;
      const have = `${projector} has come to revision ${String(reached.present)} of shard ${String(shard)}`;
      throw new ReadModelBehind(`${have}, not to ${String(revision)}`);
    }
  }

  lost(projector: string, suffix: string): void {
    if (this.suffixes.get(projector) === suffix) this.suffixes.delete(projector);
  }

  private async findServing(projector: string): Promise<Model> {
    const asked = this.projectors.find(({ name }) => name === projector);
    if (asked === undefined) throw new RangeError(`there is no projector ${projector}`);
    const known = await this.known(projector);
    const own = known.filter(({ version }) => version === asked.version);
    const serving = own.findLast(({ state }) => state === 'serving');
    if (serving !== undefined) return serving;
    if (own.length > 0) throw new ReadModelBehind(`the read model ${projector} is being built`);
    const others = [...new Set(known.map(({ version }) => version))].join(', ');
    throw new ReadModelBehind(
      `the read model ${projector} is not there in version ${String(asked.version)}${others === '' ? '' : `, but in ${others}`}: ` +
        'start its projector of this release, which fills it; see deploy/README.md, "Upgrading"',
    );
  }

  private async known(projector: string): Promise<readonly Model[]> {
    try {
      return await modelsOf(this.database, projector);
    } catch (error) {
      if (codeOf(error) === UNDEFINED_TABLE) return []; // no projector has ever run
      throw error;
    }
  }

  private await(model: string, shard: number): Reached {
    const shards: Shards = this.awaited.get(model) ?? new Map<number, Reached>();
    this.awaited.set(model, shards);
    const reached = shards.get(shard) ?? new Reached();
    shards.set(shard, reached);
    return reached;
  }

  private async waitFor(reached: Reached, revision: number, timeoutMs: number): Promise<boolean> {
    this.waiting += 1;
    this.startPolling();
    try {
      return await reached.wait(revision, Math.max(0, timeoutMs));
    } finally {
      this.waiting -= 1;
    }
  }

  private startPolling(): void {
    if (this.polling) return;
    this.polling = true;
    this.poll().catch((error: unknown) => {
      this.polling = false;
      this.log.error({ error: String(error) }, 'the checkpoints are not read any more');
    });
  }

  private async poll(): Promise<void> {
    while (this.waiting > 0) {
      const asked = [...this.awaited.keys()];
      try {
        const rows = await this.database.query<Row & { model: string; shard: number; revision: string }>(
          'SELECT model, shard, revision FROM projection_checkpoints WHERE model = ANY($1::text[])',
          [asked],
        );
        this.failing = false;
        this.seen(asked, rows);
      } catch (error) {
        // Whoever waits is told when the time is over.
        if (!this.failing) this.log.warn({ error: String(error) }, 'the checkpoints of the read models cannot be read');
        this.failing = true;
      }
      await pause(POLL_MS);
    }
    this.polling = false; // in the same turn in which nobody waited, so that the next one starts it again
  }

  /** Says nothing of models that somebody waits for since it was asked. */
  private seen(
    asked: readonly string[],
    rows: readonly { readonly model: string; readonly shard: number; readonly revision: string }[],
  ): void {
    const found = new Map(rows.map(({ model, shard, revision }) => [`${model} ${String(shard)}`, Number(revision)]));
    for (const model of asked) {
      for (const [shard, reached] of this.awaited.get(model) ?? []) {
        const revision = found.get(`${model} ${String(shard)}`);
        if (revision !== undefined) reached.set(revision);
        else this.gone(model, shard, reached);
      }
    }
  }

  /** There is no such checkpoint: the model's tables were dropped for others, or there is no such shard. */
  private gone(model: string, shard: number, reached: Reached): void {
    const shards = this.awaited.get(model);
    shards?.delete(shard);
    if (shards?.size === 0) this.awaited.delete(model);
    for (const [projector, suffix] of this.suffixes) if (projector + suffix === model) this.lost(projector, suffix);
    reached.giveUp();
  }
}
