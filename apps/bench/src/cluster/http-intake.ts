import { measureJ, valueOf } from '../denominators';
import { EVENTS_PER_REQUEST, INTAKE_CONNECTIONS, intakeRequests } from '../intake-requests';
import { sendAll } from '../load';
import { quantile, spreadOf } from '../rounds';
import type { RowResult } from '../row';
import type { ClusterWorld } from './cluster-world';
import type { UsageLoad } from './usage-load';

/** Usage over HTTP to an api of its own: answered once the broker has it, and after that decided elsewhere. */
export const httpIntake = async (
  { cluster }: ClusterWorld,
  load: UsageLoad,
  requests: number,
  rounds: number,
): Promise<RowResult> => {
  const port = Number(new URL(cluster.url).port);
  const headers = { authorization: `Bearer ${cluster.adminKey}` };
  const round = async (): Promise<{ rate: number; latencies: readonly number[] }> => {
    const prepared = intakeRequests(headers, requests, load.next);
    const events = requests * EVENTS_PER_REQUEST;
    load.next += events;
    const started = performance.now();
    const latencies = await sendAll(port, prepared, INTAKE_CONNECTIONS);
    return { rate: (1_000 * events) / (performance.now() - started), latencies };
  };
  await round();
  const before = measureJ();
  const measured: Awaited<ReturnType<typeof round>>[] = [];
  for (let i = 0; i < rounds; i++) measured.push(await round());
  const J = { name: 'J', unit: 'events/s', before, after: measureJ() };
  const latencies = measured.flatMap((one) => one.latencies);
  return {
    name: 'HTTP intake through an api of its own, 100 events a request: durable in Kafka',
    unit: 'J',
    ratio: spreadOf(measured.map(({ rate }) => rate / valueOf(J))),
    gate: null,
    aim: null,
    denominators: [J],
    context: {
      events_per_second: Math.round(spreadOf(measured.map(({ rate }) => rate)).median),
      connections: INTAKE_CONNECTIONS,
      p50_ms: quantile(latencies, 0.5),
      p99_ms: quantile(latencies, 0.99),
    },
  };
};
