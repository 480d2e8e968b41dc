import { performance } from 'node:perf_hooks';
import { Gauge, type Registry } from 'prom-client';

/**
 * When the process started and how much memory it holds, under the names that Prometheus' own clients use, without the
 * product's prefix: a restart shows as a change of the first, which therefore never changes within a process.
 */
export const describeProcess = (registry: Registry): void => {
  const registers = [registry];
  const started = new Gauge({ name: 'process_start_time_seconds', help: 'start, seconds since 1970', registers });
  started.set(performance.timeOrigin / 1000);
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'resident memory',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
};
