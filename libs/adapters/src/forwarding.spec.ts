import type { Log, Metrics } from '@drawdown/ports';
import { type Forwarded, ForwardedMetrics, forwardedLog, takeForwarded } from './forwarding';

/** What arrives on the other side, after a real copy between threads. */
const receiving = () => {
  const arrived: unknown[][] = [];
  let batches = 0;
  const at = (kind: string) => (...values: unknown[]) => void arrived.push([kind, ...values]); // prettier-ignore
  const metrics: Metrics = { count: at('count'), observe: at('observe'), gauge: at('gauge') };
  const log: Log = { info: at('info'), warn: at('warn'), error: at('error') };
  const send = (forwarded: Forwarded): void => {
    batches += 1;
    takeForwarded(structuredClone(forwarded), metrics, log);
  };
  return { arrived, send, batches: () => batches };
};

test('what a thread counts arrives summed, gauges with their last value, every observation', () => {
  const { arrived, send, batches } = receiving();
  const metrics = new ForwardedMetrics(send);
  metrics.count('commits_total', { projector: 'a' });
  metrics.count('commits_total', { projector: 'b' }, 2);
  metrics.count('commits_total', { projector: 'a' }, 3);
  metrics.gauge('lag', 7, { projector: 'a' });
  metrics.gauge('lag', 0, { projector: 'a' });
  metrics.gauge('lag', 3, { projector: 'b' });
  metrics.gauge('lag', null, { projector: 'b' });
  metrics.observe('batch', 5);
  metrics.observe('batch', 6);
  metrics.close();
  metrics.flush(); // nothing new: nothing is sent, and nothing twice
  expect(batches()).toBe(1);
  expect(arrived).toEqual([
    ['count', 'commits_total', { projector: 'a' }, 4],
    ['count', 'commits_total', { projector: 'b' }, 2],
    ['gauge', 'lag', 0, { projector: 'a' }],
    ['gauge', 'lag', null, { projector: 'b' }],
    ['observe', 'batch', 5, {}],
    ['observe', 'batch', 6, {}],
  ]);
});

test('they are sent without being asked for', () => {
  jest.useFakeTimers();
  const { arrived, send } = receiving();
  const metrics = new ForwardedMetrics(send);
  metrics.count('commits_total');
  jest.advanceTimersByTime(1_000);
  expect(arrived).toEqual([['count', 'commits_total', {}, 1]]);
  metrics.close();
  jest.useRealTimers();
});

test('a log line arrives with its fields, as text where they cannot cross', () => {
  const { arrived, send } = receiving();
  const log = forwardedLog(send);
  log.warn({ shard: 0, at: { revision: 5 } }, 'behind');
  log.error({ shard: 1, work: () => 1 }, 'odd');
  expect(arrived).toEqual([
    ['warn', { shard: 0, at: { revision: 5 } }, 'behind'],
    ['error', { shard: '1', work: expect.stringContaining('=>') as string }, 'odd'],
  ]);
});
