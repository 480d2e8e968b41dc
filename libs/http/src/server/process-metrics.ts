import { performance } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';
import { standardOutput } from './log-output';

/**
 * When the process started and how much memory it holds, under the names that Prometheus' own clients use, without the
 * product's prefix: a restart shows as a change of the first, which therefore never changes within a process. And how
 * much of its log was lost (FLT-84), which no line of the log could say.
 */
export const describeProcess = (registry: Registry): void => {
  const registers = [registry];
  const started = new Gauge({
    name: 'process_start_time_seconds',
    help: 'When the process started, in seconds since 1970',
    registers,
  });
  started.set(performance.timeOrigin / 1000);
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process, in bytes',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Counter({
    name: 'drawdown_log_lines_dropped_total',
    help: 'Lines of the log that were dropped as they could not be written',
    registers,
    collect() {
      this.reset();
      this.inc(standardOutput.dropped);
    },
  });
};
