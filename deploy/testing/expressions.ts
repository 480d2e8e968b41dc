import { AWAITED, processMetrics, reportedMetrics } from './product';

const PREFIX = 'drawdown_';
/** What Prometheus makes of one histogram. */
const SERIES_OF_HISTOGRAM = /_(bucket|sum|count)$/;

/** The metrics that an expression of PromQL asks for, as they are named in it. */
export const metricsIn = (expression: string): readonly string[] => {
  const withoutTexts = expression.replaceAll(/"[^"]*"/g, '""');
  return [...new Set(withoutTexts.match(/\b(drawdown_[a-z_]+|process_[a-z_]+)/g) ?? [])];
};

/** Those of them that no process reports. A histogram has to be asked for by one of its series, nothing else may be. */
export const unknownMetrics = (expressions: readonly string[]): readonly string[] => {
  const reported = reportedMetrics();
  const known = new Set(processMetrics());
  for (const [name, call] of reported) {
    if (call === 'observe') for (const series of ['bucket', 'sum', 'count']) known.add(`${PREFIX}${name}_${series}`);
    else known.add(PREFIX + name);
  }
  for (const name of AWAITED.metrics) known.add(PREFIX + name);
  return [...new Set(expressions.flatMap(metricsIn))].filter((name) => !known.has(name));
};

/** The name by which the code reports a series. */
export const baseOf = (series: string): string => series.replace(PREFIX, '').replace(SERIES_OF_HISTOGRAM, '');
