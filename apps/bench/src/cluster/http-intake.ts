import { measureJ } from '../denominators';
import { EVENTS_PER_REQUEST, intakeRequests } from '../intake-requests';
import { sendAll } from '../load';
import { quantile, spreadOf } from '../rounds';
import type { RowResult } from '../row';
import type { ClusterWorld } from './cluster-world';
import type { UsageLoad } from './usage-load';

const CONNECTIONS = 16;

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
    load.next += requests * EVENTS_PER_REQUEST;
    const started = performance.now();
    const latencies = await sendAll(port, prepared, CONNECTIONS);
    return { rate: (requests * EVENTS_PER_REQUEST * 1_000) / (performance.now() - started), latencies };
  };
  await round();
  const before = measureJ();
  const measured: Awaited<ReturnType<typeof round>>[] = [];
  for (let i = 0; i < rounds; i++) measured.push(await round());
  const after = measureJ();
  const latencies = measured.flatMap((one) => one.latencies);
  return {
    name: 'HTTP intake through an api of its own, 100 events a request: durable in Kafka',
    unit: 'J',
    ratio: spreadOf(measured.map(({ rate }) => rate / ((before + after) / 2))),
    gate: null,
    aim: null,
    denominators: [{ name: 'J', unit: 'events/s', before, after }],
    context: {
      events_per_second: Math.round(spreadOf(measured.map(({ rate }) => rate)).median),
      connections: CONNECTIONS,
      p50_ms: quantile(latencies, 0.5),
      p99_ms: quantile(latencies, 0.99),
    },
  };
};
