import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { LoopLag } from './loop-lag';
import { METRIC_HELP } from './metric-help';
import { describeProcess } from './process-metrics';

type Labels = Readonly<Record<string, string>>;
type Metric = Counter | Gauge | Histogram;

const PREFIX = 'drawdown_';

/** Seconds: from a cached read to a request that waited for a store. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Counts and sizes: one to a full batch. */
const SIZES = [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 100_000, 1_000_000];

/**
 * The process's metrics for Prometheus, and the implementation of the port `Metrics`: a metric comes to be at its
 * first use, with the labels of that use. Labels it does not know are left out, since a metric is no reason to fail.
 */
export class PrometheusMetrics {
  private readonly registry = new Registry();
  private readonly metrics = new Map<string, { readonly metric: Metric; readonly labels: readonly string[] }>();
  /** How late the event loop is. */
  readonly loopLag = new LoopLag((seconds) => this.gauge('event_loop_lag_seconds', seconds));

  constructor() {
    describeProcess(this.registry);
  }

  count(name: string, labels: Labels = {}, by = 1): void {
    const { metric, known } = this.metric(name, labels, (options) => new Counter(options));
    if (metric instanceof Counter) metric.inc(known, by);
  }

  observe(name: string, value: number, labels: Labels = {}): void {
    const buckets = name.endsWith('_seconds') ? SECONDS : SIZES;
    const { metric, known } = this.metric(name, labels, (options) => new Histogram({ ...options, buckets }));
    if (metric instanceof Histogram) metric.observe(known, value);
  }

  gauge(name: string, value: number | null, labels: Labels = {}): void {
    const { metric, known } = this.metric(name, labels, (options) => new Gauge(options));
    if (!(metric instanceof Gauge)) return;
    if (value === null) metric.remove(known);
    else metric.set(known, value);
  }

  /** Everything in Prometheus' text format. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  close(): void {
    this.loopLag.stop();
  }

  private metric(
    name: string,
    labels: Labels,
    make: (options: { name: string; help: string; labelNames: string[]; registers: Registry[] }) => Metric,
  ): { metric: Metric; known: Record<string, string> } {
    let entry = this.metrics.get(name);
    if (entry === undefined) {
      const labelNames = Object.keys(labels);
      const help = METRIC_HELP[name] ?? name; // one that is missing fails a spec, not a process
      entry = {
        metric: make({ name: PREFIX + name, help, labelNames, registers: [this.registry] }),
        labels: labelNames,
      };
      this.metrics.set(name, entry);
    }
    const known: Record<string, string> = {};
    for (const label of entry.labels) known[label] = labels[label] ?? '';
    return { metric: entry.metric, known };
  }
}
