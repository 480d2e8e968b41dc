/** Usage of many organizations, of which one may have most, and the answers that somebody else gets meanwhile. */
import { randomUUID } from 'node:crypto';
import { must } from '../api';
import { MILLIONTH } from './flood';

const CLIENTS = 8;
/** Events of a request. */
const BATCH = 100;
const ROUND_MS = 1_500;

const BATCH_TYPE = { 'content-type': 'application/cloudevents-batch+json' };

export interface Measured {
  /** Charged events a second, of all organizations. */
  readonly perSecond: number;
  /** Of one event at a time for an organization that sends nothing else, in milliseconds. */
  readonly p99: number;
}

/** Which organization the n-th event is of. */
export type Share = (n: number) => string;

/** One round of load with these shares; `bystander` is measured beside it. */
export const measureShare = async (url: string, share: Share, bystander: string): Promise<Measured> => {
  const [source, time] = [randomUUID(), new Date().toISOString()];
  let made = 0;
  let events = 0;
  const charge = async (count: number, of: Share): Promise<void> => {
    const batch = Array.from({ length: count }, () => {
      const id = String((made += 1));
      return { specversion: '1.0', id, source, type: 'drawdown.usage.v1', subject: of(made), data: MILLIONTH, time };
    });
    const { results } = (await must(`${url}/v1/events?wait=charged`, 'POST', batch, BATCH_TYPE)) as unknown as {
      readonly results: readonly { readonly outcome: string }[];
    };
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['charged']));
    events += count;
  };
  const from = performance.now();
  const isOver = (): boolean => performance.now() - from > ROUND_MS;
  const client = async (): Promise<void> => {
    while (!isOver()) await charge(BATCH, share);
  };
  const times: number[] = [];
  const waiting = async (): Promise<void> => {
    while (!isOver()) {
      const sent = performance.now();
      await charge(1, () => bystander);
      times.push(performance.now() - sent);
    }
  };
  await Promise.all([waiting(), ...Array.from({ length: CLIENTS }, client)]);
  const seconds = (performance.now() - from) / 1_000;
  times.sort((a, b) => a - b);
  return { perSecond: events / seconds, p99: times[Math.ceil(0.99 * times.length) - 1] ?? NaN };
};
