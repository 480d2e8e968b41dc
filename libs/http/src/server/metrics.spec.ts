import { PrometheusMetrics } from './metrics';

let metrics: PrometheusMetrics;
beforeEach(() => (metrics = new PrometheusMetrics()));
afterEach(() => metrics.close());

test('a metric comes to be at its first use', async () => {
  metrics.count('appends_total', { shard: '0' });
  metrics.count('appends_total', { shard: '0' }, 4);
  metrics.observe('append_duration_seconds', 0.02);
  metrics.observe('batch_charges', 250);
  metrics.gauge('queue', 7);
  const text = await metrics.text();
  expect(text).toContain('drawdown_appends_total{shard="0"} 5');
  expect(text).toContain('drawdown_append_duration_seconds_bucket{le="0.025"} 1');
  expect(text).toContain('drawdown_batch_charges_bucket{le="300"} 1');
  expect(text).toContain('drawdown_queue 7');
});

test('what a metric is stands above it, with its unit and its labels', async () => {
  metrics.count('http_requests_total', { method: 'GET', route: '/livez', status: '200' });
  const text = await metrics.text();
  expect(text).toContain('# HELP drawdown_http_requests_total Requests that were answered, by `method`, `route`');
  expect(text).toMatch(/^# HELP process_resident_memory_bytes .*bytes$/m);
});

test('the series of what is no longer here goes, and may come again', async () => {
  for (const shard of ['0', '1']) metrics.gauge('lag', 5, { shard });
  metrics.gauge('lag', null, { shard: '1' });
  expect(await metrics.text()).toContain('drawdown_lag{shard="0"} 5');
  expect(await metrics.text()).not.toContain('shard="1"');
  metrics.gauge('lag', 0, { shard: '1' });
  expect(await metrics.text()).toContain('drawdown_lag{shard="1"} 0');
});

test('labels other than those of the first use are no reason to fail', async () => {
  metrics.count('events_total', { outcome: 'charged' });
  metrics.count('events_total', { outcome: 'charged', tenant: 'acme' });
  metrics.count('events_total');
  const text = await metrics.text();
  expect(text).toContain('drawdown_events_total{outcome="charged"} 2');
  expect(text).not.toContain('acme');
});

test('a restart and the memory of the process can be seen from outside', async () => {
  const valueOf = (text: string, name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  const [first, second] = [await metrics.text(), await metrics.text()];
  const started = valueOf(first, 'process_start_time_seconds');
  expect(Math.abs(started - (Date.now() / 1000 - process.uptime()))).toBeLessThan(5);
  expect(valueOf(second, 'process_start_time_seconds')).toBe(started);
  expect(valueOf(first, 'process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
});
