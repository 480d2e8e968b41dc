/** Metrics and log lines of a thread, carried to where they are kept. */
import type { Log, Metrics } from '@drawdown/ports';

/** How often a thread sends what it has counted: a scrape sees figures of this age. */
const SEND_EVERY_MS = 200;

type Labels = Readonly<Record<string, string>>;
type Sample =
  | readonly [kind: 'count' | 'observe', name: string, value: number, labels: Labels]
  | readonly [kind: 'gauge', name: string, value: number | null, labels: Labels];

export type Forwarded =
  | { readonly samples: readonly Sample[] }
  | { readonly level: keyof Log; readonly fields: Readonly<Record<string, unknown>>; readonly message: string };

/** Counts are summed, of a gauge the last value goes; sent in batches. */
export class ForwardedMetrics implements Metrics {
  private readonly counts = new Map<string, Sample>();
  private observations: Sample[] = [];
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly send: (forwarded: Forwarded) => void) {
    this.timer = setInterval(() => this.flush(), SEND_EVERY_MS).unref();
  }

  count(name: string, labels: Labels = {}, by = 1): void {
    const key = keyOf('count', name, labels);
    this.counts.set(key, ['count', name, by + (this.counts.get(key)?.[2] ?? 0), labels]);
  }

  observe(name: string, value: number, labels: Labels = {}): void {
    this.observations.push(['observe', name, value, labels]);
  }

  gauge(name: string, value: number | null, labels: Labels = {}): void {
    this.counts.set(keyOf('gauge', name, labels), ['gauge', name, value, labels]);
  }

  flush(): void {
    const samples = [...this.counts.values(), ...this.observations];
    if (samples.length === 0) return;
    this.counts.clear();
    this.observations = [];
    this.send({ samples });
  }

  close(): void {
    clearInterval(this.timer);
    this.flush();
  }
}

const keyOf = (kind: string, name: string, labels: Labels): string => `${kind} ${name} ${JSON.stringify(labels)}`;

/** A log whose lines are written elsewhere, one by one: there are few. */
export const forwardedLog = (send: (forwarded: Forwarded) => void): Log => {
  const at = (level: keyof Log) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    send({ level, fields: cloneable(fields), message });
  return { info: at('info'), warn: at('warn'), error: at('error') };
};

/** A field that no other thread could be given (a function, a handle) goes as text: a log line is no reason to fail. */
const cloneable = (fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  try {
    return structuredClone(fields);
  } catch {
    return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
  }
};

/** On the other side. */
export const takeForwarded = (forwarded: Forwarded, metrics: Metrics, log: Log): void => {
  if ('message' in forwarded) {
    log[forwarded.level](forwarded.fields, forwarded.message);
    return;
  }
  for (const sample of forwarded.samples) {
    const [kind, name, value, labels] = sample;
    if (kind === 'count') metrics.count(name, labels, value);
    else if (kind === 'observe') metrics.observe(name, value, labels);
    else metrics.gauge(name, value, labels);
  }
};
