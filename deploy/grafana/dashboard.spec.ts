import { unknownLabelValues, unknownMetrics } from '../testing/expressions';
import { filesBelow, processMetrics, reportedMetrics, textOf } from '../testing/product';
import { documentOf } from '../testing/yaml';

interface Source {
  readonly uid: string;
}
interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: Source;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly targets?: readonly { readonly expr: string; readonly datasource: Source }[];
}

const file = 'deploy/grafana/dashboards/drawdown.json';
const { panels } = JSON.parse(textOf(file)) as { panels: Panel[] };
/** A histogram is asked for by one of its series. */
const withoutSeries = (name: string): string => name.replace(/_(bucket|sum|count)$/, '');
const charts = panels.filter(({ type }) => type !== 'row');

test('a panel asks only for metrics and label values that the code has', () => {
  const expressions = charts.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  expect([unknownMetrics(expressions), unknownLabelValues(expressions)]).toEqual([[], []]);
});

test('every metric that a process reports is in a panel, an alert, or where an operator reads of it', () => {
  const places = [file, 'deploy/prometheus/rules.yml', 'deploy/README.md', ...filesBelow('deploy/runbooks')];
  const named = new Set(
    places.flatMap((place) => textOf(place).match(/\b(drawdown_|process_)[a-z_]+/g) ?? []).map(withoutSeries),
  );
  const reported = [...[...reportedMetrics().keys()].map((name) => `drawdown_${name}`), ...processMetrics()];
  expect(reported.filter((name) => !named.has(name))).toEqual([]);
});

test('every stage has its row, and every panel a query', () => {
  expect(panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
    'Up',
    'Intake',
    'Decide and append',
    'Relay',
    'Projectors',
    'HTTP',
    'Quarantine and dead letters',
  ]);
  for (const { title, targets = [] } of charts)
    expect({ title, queries: targets.length > 0 }).toEqual({ title, queries: true });
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
});

test('a panel says what it shows, in other words than its title', () => {
  const silent = charts.filter(({ title, description = '' }) => description.length < 10 || description === title);
  expect(silent.map(({ title }) => title)).toEqual([]);
});

test('no panel covers another, and none is cut off', () => {
  const cells = panels.flatMap(({ gridPos: { h, w, x, y } }) =>
    Array.from({ length: h * w }, (_, n) => `${String(x + (n % w))},${String(y + Math.floor(n / w))}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  for (const { gridPos } of panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
});

test('panels ask the data source that is provisioned, and the folder that is mounted', () => {
  const { datasources } = documentOf('deploy/grafana/provisioning/datasources/prometheus.yml') as {
    datasources: { uid: string; url: string }[];
  };
  expect(datasources.map(({ uid, url }) => [uid, url])).toEqual([['prometheus', 'http://prometheus:9090']]);
  for (const { datasource, targets = [] } of charts) {
    expect(datasource?.uid).toBe('prometheus');
    for (const target of targets) expect(target.datasource.uid).toBe('prometheus');
  }
  const { providers } = documentOf('deploy/grafana/provisioning/dashboards/drawdown.yml') as {
    providers: { options: { path: string } }[];
  };
  expect(textOf('docker-compose.yml')).toContain(`./deploy/grafana/dashboards:${providers[0]?.options.path ?? '?'}:ro`);
});
