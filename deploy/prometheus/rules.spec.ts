import { unknownLabelValues, unknownMetrics } from '../testing/expressions';
import { filesBelow, PROCESSES, sourceText, textOf } from '../testing/product';
import { runIfInstalled } from '../testing/program';
import { documentOf } from '../testing/yaml';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}
interface RuleTest {
  readonly alert_rule_test: readonly { readonly alertname: string; readonly exp_alerts: readonly unknown[] }[];
}
interface Scrape {
  readonly job_name: string;
  readonly dns_sd_configs: readonly { readonly names: readonly string[] }[];
}

const rules = (documentOf('deploy/prometheus/rules.yml') as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);
const names = rules.map(({ alert }) => alert);

test('an alert asks only for metrics that a process reports', () => {
  expect(unknownMetrics(rules.map(({ expr }) => expr))).toEqual([]);
});

test('an alert selects only label values that stand in the code', () => {
  expect(unknownLabelValues(rules.map(({ expr }) => expr))).toEqual([]);
});

test('an alert says how bad it is, what it means in a line, and where to read on', () => {
  for (const { alert, labels, annotations } of rules) {
    expect(['critical', 'warning']).toContain(labels.severity);
    expect(annotations.summary.length).toBeGreaterThan(10);
    expect(annotations.runbook).toBe(`deploy/runbooks/${alert}.md`);
  }
});

test('every alert has a page that says what it means, how to look and what to do', () => {
  expect(filesBelow('deploy/runbooks')).toEqual(names.map((name) => `deploy/runbooks/${name}.md`).sort());
  for (const { alert, annotations } of rules) {
    const page = textOf(annotations.runbook);
    expect(page.startsWith(`# ${alert}\n\n${annotations.summary}.\n`)).toBe(true);
    const headings = [...page.matchAll(/^## (.*)\n\n\S/gm)].map(([, heading]) => heading);
    expect(headings).toEqual(['What it means', 'How to look', 'What to do']);
  }
});

test('a page asks only for metrics that a process reports', () => {
  expect(unknownMetrics(names.map((name) => textOf(`deploy/runbooks/${name}.md`)))).toEqual([]);
});

test('a page quotes only lines of the log that the code writes, and routes that the API has', () => {
  const pages = names.map((name) => textOf(`deploy/runbooks/${name}.md`)).join('\n');
  const code = sourceText();
  const lines = [...pages.matchAll(/`([a-z]+(?:[,;:]? [a-z]+){2,})`/g)].map(([, line]) => line ?? '');
  expect(lines.length).toBeGreaterThan(10);
  expect(lines.filter((line) => !code.includes(line))).toEqual([]);
  const { paths } = JSON.parse(textOf('schemas/openapi.json')) as { paths: Record<string, object> };
  const known = new Set(
    Object.entries(paths).flatMap(([route, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${route.replaceAll(/\{\w+\}/g, '<id>')}`),
    ),
  );
  const routes = [...pages.matchAll(/`([A-Z]+ \/v1[^`?]*)/g)].map(([, route]) => route ?? '');
  expect(routes.length).toBeGreaterThan(2);
  expect(routes.filter((route) => !known.has(route))).toEqual([]);
});

test('every alert is tested to fire, and to be silent', () => {
  const { tests } = documentOf('deploy/prometheus/rules.test.yml') as { tests: RuleTest[] };
  const cases = tests.flatMap((each) => each.alert_rule_test);
  const named = (firing: boolean): readonly string[] => [
    ...new Set(cases.filter(({ exp_alerts }) => exp_alerts.length > 0 === firing).map(({ alertname }) => alertname)),
  ];
  expect([...named(true)].sort()).toEqual([...names].sort());
  expect([...named(false)].sort()).toEqual([...names].sort());
});

test('every process is scraped', () => {
  const { scrape_configs } = documentOf('deploy/prometheus/prometheus.yml') as { scrape_configs: Scrape[] };
  const scraped = scrape_configs.flatMap((config) => config.dns_sd_configs.flatMap((found) => found.names));
  expect(scraped.sort()).toEqual([...PROCESSES].sort());
  expect(scrape_configs.map(({ job_name }) => job_name)).toEqual(['drawdown']);
});

test('Prometheus accepts its configuration and the rules, and the rule tests pass', () => {
  const promtool = (...args: string[]): string | null =>
    runIfInstalled('promtool', args, 'the rules were read, but not run (Debian: package prometheus)');
  const checked = promtool('check', 'config', 'deploy/prometheus/prometheus.yml');
  if (checked === null) return;
  expect(checked).toContain('SUCCESS');
  expect(promtool('test', 'rules', 'deploy/prometheus/rules.test.yml')).toContain('SUCCESS');
});
