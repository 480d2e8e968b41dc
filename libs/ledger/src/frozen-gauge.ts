import type { Metrics } from '@drawdown/ports';
import type { ShardState } from './fold';

/**
 * How many organizations of one shard are frozen, reported while the shard is owned here: those that the log has as
 * frozen, and those whose freeze could not be recorded yet. Nothing thaws one, so that the number never falls.
 */
export class FrozenGauge {
  private readonly frozen = new Set<string>();
  private ended = false;
  private readonly labels: { readonly shard: string };

  constructor(
    shard: number,
    private readonly metrics: Metrics,
  ) {
    this.labels = { shard: String(shard) };
  }

  loaded({ residents }: ShardState): void {
    for (const { organization } of residents.values()) if (organization.frozen) this.frozen.add(organization.id);
    this.report();
  }

  froze(organizationId: string): void {
    this.frozen.add(organizationId);
    this.report();
  }

  /** Whoever owns the shard next reports them; a load that is still under way here does not. */
  end(): void {
    this.ended = true;
    this.report();
  }

  private report(): void {
    this.metrics.gauge('organizations_frozen', this.ended ? 0 : this.frozen.size, this.labels);
  }
}
