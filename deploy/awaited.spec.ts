import { AWAITED, knownSettings, processApps, PROCESSES, reportedMetrics } from './testing/product';

test('what the code has by now is no longer awaited', () => {
  const apps = processApps();
  const [metrics, settings] = [reportedMetrics(), knownSettings()];
  expect({
    apps: AWAITED.apps.filter((name) => apps.includes(name)),
    metrics: AWAITED.metrics.filter((name) => metrics.has(name)),
    settings: AWAITED.settings.filter((name) => settings.has(name)),
  }).toEqual({ apps: [], metrics: [], settings: [] });
});

test('every process of the repository is deployed, and nothing else is', () => {
  expect([...processApps(), ...AWAITED.apps].sort()).toEqual([...PROCESSES].sort());
});
