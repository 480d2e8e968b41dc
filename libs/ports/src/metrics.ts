/**
 * What the stages report, by metric name without the prefix `drawdown_`. Labels never carry an organization, a key
 * or an id. Called per batch or per command, not per charge. What each is, `/metrics` says from the table in
 * libs/http/src/server/metric-help.ts.
 */
export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  /** Null where what it was of is no longer here: the series goes, lest its last value is taken for the present one. */
  gauge(name: string, value: number | null, labels?: Readonly<Record<string, string>>): void;
}
export const Metrics = Symbol('Metrics');

export const NO_METRICS: Metrics = { count: () => undefined, observe: () => undefined, gauge: () => undefined };
