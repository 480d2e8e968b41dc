import { AWAITED, processMetrics, reportedMetrics, sourceText } from './product';

const PREFIX = 'drawdown_';
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

/**
 * Label values that the expressions select and that stand nowhere in the code, neither as a text nor as a key: nothing
 * would ever match them. Patterns and the labels that Prometheus gives (job, app) are not looked at.
 */
export const unknownLabelValues = (expressions: readonly string[]): readonly string[] => {
  const code = sourceText();
  const selected = expressions.flatMap((each) => [...each.matchAll(/\b(\w+)="([^"]*)"/g)]);
  const values = selected.filter(([, label]) => label !== 'job' && label !== 'app').map(([, , value]) => value ?? '');
  return [...new Set(values)].filter((value) => !code.includes(`'${value}'`) && !code.includes(` ${value}: `));
};
