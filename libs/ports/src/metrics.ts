/**
 * What the stages report, by metric name without the prefix `drawdown_`. Labels never carry an organization, a key
 * or an id. Called per batch or per command, not per charge.
 */
export interface Metrics {
  count(name: string, labels?: Readonly<Record<string, string>>, by?: number): void;
  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
}
export const Metrics = Symbol('Metrics');

export const NO_METRICS: Metrics = { count: () => undefined, observe: () => undefined, gauge: () => undefined };
