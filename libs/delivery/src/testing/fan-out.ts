/** What the specs of the relay and of the tail share. */
import {
  type EventStore,
  inProcessStream,
  type Metrics,
  type StoredEvent,
  StoreUnavailable,
  type Stream,
  type StreamRecord,
  StreamUnavailable,
} from '@drawdown/ports';
import { eventOf, LEDGER_TOPIC } from '../event-record';

/** What becomes of a send: its acknowledgement is lost, or the records are. */
export type SendFault = 'ack lost' | 'records lost';

export interface FaultyStream extends Stream {
  /** These befall the next sends. */
  failNext(...faults: readonly SendFault[]): void;
  /** Nothing works until it is set back. */
  away: boolean;
  /** The topics are gone, as if an operator had deleted them. */
  forget(): void;
  /** The next sends wait until they are let go. */
  hold(): { readonly reached: Promise<void>; release(): void };
  readonly sends: number;
}

/** An in-process stream that goes wrong as told. */
export const faultyStream = (): FaultyStream => {
  let inner = inProcessStream();
  const planned: SendFault[] = [];
  let gate: { reach: () => void; released: Promise<void> } | undefined;
  const reachable = (): Stream => {
    if (stream.away) throw new StreamUnavailable('the broker is away');
    return inner;
  };
  const stream = {
    away: false,
    sends: 0,
    ensureTopic: async (topic: string, partitions: number) => reachable().ensureTopic(topic, partitions),
    partitionsOf: async (topic: string) => reachable().partitionsOf(topic),
    identityOf: async (topic: string) => reachable().identityOf(topic),
    boundsOf: async (topic: string) => reachable().boundsOf(topic),
    send: async (topic: string, partition: number, records: readonly StreamRecord[]) => {
      stream.sends += 1;
      gate?.reach();
      await gate?.released;
      const to = reachable();
      const fault = planned.shift();
      if (fault !== 'records lost') await to.send(topic, partition, records);
      if (fault !== undefined) throw new StreamUnavailable(fault);
    },
    consume: (...call: Parameters<Stream['consume']>) => reachable().consume(...call),
    follow: (...call: Parameters<Stream['follow']>) => reachable().follow(...call),
    close: () => inner.close(),
    failNext: (...faults: readonly SendFault[]) => void planned.push(...faults),
    forget: () => {
      inner = inProcessStream();
    },
    hold: () => {
      const [reached, reach] = gateOf();
      const [released, release] = gateOf();
      gate = { reach, released };
      return { reached, release };
    },
  };
  return stream;
};

const gateOf = (): [Promise<void>, () => void] => {
  let open = (): void => undefined;
  return [new Promise<void>((resolve) => (open = resolve)), () => open()];
};

/** A store that cannot be read while it is told so. */
export const unreadableStore = (inner: EventStore): EventStore & { unreadable: boolean; reads: number } => {
  const check = (): void => {
    if (store.unreadable) throw new StoreUnavailable('the store is away');
  };
  const store = {
    unreadable: false,
    reads: 0,
    append: (...call: Parameters<EventStore['append']>) => inner.append(...call),
    read: async (...call: Parameters<EventStore['read']>) => {
      check();
      const page = await inner.read(...call);
      store.reads += 1;
      return page;
    },
    readAll: (...call: Parameters<EventStore['readAll']>) => inner.readAll(...call),
    head: async (name: string) => {
      check();
      return inner.head(name);
    },
    async *follow(...[name, from, signal]: Parameters<EventStore['follow']>) {
      for await (const page of inner.follow(name, from, signal)) {
        check();
        yield page;
      }
    },
    followAll: (...call: Parameters<EventStore['followAll']>) => inner.followAll(...call),
    close: () => inner.close(),
  };
  return store;
};

/** Counters by name, over all labels; gauges by name and labels. */
export const counters = (): Metrics & { readonly of: Record<string, number> } => {
  const of: Record<string, number> = {};
  return {
    of,
    count: (name, _, by = 1) => void (of[name] = (of[name] ?? 0) + by),
    observe: () => undefined,
    gauge: (name, value, labels = {}) => {
      const key = [name, ...Object.values(labels)].join(' ');
      if (value === null) delete of[key];
      else of[key] = value;
    },
  };
};

/** Everything in a partition from its beginning, in order. */
export const published = async (
  stream: Stream,
  partition = 0,
  topic = LEDGER_TOPIC,
): Promise<readonly StoredEvent[]> => {
  const bounds = (await stream.boundsOf(topic))[partition];
  const events: StoredEvent[] = [];
  if (bounds === undefined || bounds.end === bounds.oldest) return events;
  for await (const { records } of stream.follow(topic, partition, bounds.oldest, new AbortController().signal)) {
    events.push(...records.map(eventOf));
    if ((records.at(-1)?.offset ?? -1) >= bounds.end - 1) break;
  }
  return events;
};

/** Collects what is followed, until the signal. */
export const following = (
  store: EventStore,
  name: string,
  from: number,
  signal: AbortSignal,
): { readonly events: StoredEvent[]; readonly ended: Promise<unknown> } => {
  const events: StoredEvent[] = [];
  const collect = async (): Promise<void> => {
    for await (const page of store.follow(name, from, signal)) events.push(...page);
  };
  return { events, ended: collect().catch((error: unknown) => error) };
};
