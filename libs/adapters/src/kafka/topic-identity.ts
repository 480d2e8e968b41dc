/**
 * The id that Kafka gives a topic when it is made: another one each time. kafkajs 2.2.4 knows metadata up to version 6, and
 * ids come with version 10 (Kafka 2.8), so this one request is made by hand (KIP-516, KIP-482).
 */
import type { Broker } from 'kafkajs';

const METADATA = 3;
const WITH_IDS = 10;
const ID_BYTES = 16;
const NO_ID = Buffer.alloc(ID_BYTES);

/** What kafkajs' broker has and its types do not say; the version is pinned. */
interface Wire {
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null;
  readonly connectionPool: {
    send(request: {
      readonly request: {
        readonly apiKey: number;
        readonly apiVersion: number;
        readonly apiName: string;
        readonly encode: () => Promise<{ readonly buf: Buffer; readonly buffer: Buffer }>;
      };
      readonly response: {
        readonly decode: (payload: Buffer) => Promise<{ readonly id: string | null }>;
        readonly parse: (decoded: { readonly id: string | null }) => Promise<string | null>;
      };
    }): Promise<string | null>;
  };
}

/** The topic's id as Kafka's own tools print it; null where the broker has none to tell. Rejects where there is no such topic. */
export const topicIdFrom = async (broker: Broker, topic: string): Promise<string | null> => {
  const wire = broker as unknown as Wire;
  if (wire.versions === null) throw new Error('kafkajs no longer keeps what a broker can do: see topic-identity.ts');
  if ((wire.versions[METADATA]?.maxVersion ?? 0) < WITH_IDS) return null;
  const bytes = question(topic);
  return wire.connectionPool.send({
    request: {
      ...{ apiKey: METADATA, apiVersion: WITH_IDS, apiName: 'Metadata' },
      encode: async () => ({ buf: bytes, buffer: bytes }),
    },
    response: { decode: async (payload) => ({ id: idIn(payload) }), parse: async ({ id }) => id },
  });
};

/** Begins with the tagged fields of the header, which kafkajs' own does not have. */
const question = (topic: string): Buffer => {
  const name = Buffer.from(topic);
  const [tags, oneTopic, doNotMakeIt, noRights] = [[0], [2], [0], [0, 0]];
  return Buffer.from([
    ...[...tags, ...oneTopic, ...NO_ID, ...unsigned(name.byteLength + 1), ...name, ...tags],
    ...[...doNotMakeIt, ...noRights, ...tags],
  ]);
};

const unsigned = (value: number): number[] =>
  value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(Math.floor(value / 0x80))];

/** Throws with Kafka's error code of the one topic that was asked for. */
const idIn = (payload: Buffer): string | null => {
  const reader = new Reader(payload);
  reader.tags();
  reader.skip(4); // throttle time
  for (let brokers = reader.unsigned() - 1; brokers > 0; brokers--) {
    reader.skip(4);
    reader.text();
    reader.skip(4);
    reader.text();
    reader.tags();
  }
  reader.text(); // the cluster's id
  reader.skip(4); // its controller
  if (reader.unsigned() !== 2) throw new Error('the broker says nothing of the topic');
  const code = reader.take(2).readInt16BE();
  if (code !== 0) throw new Error(`the broker does not know the topic: error ${String(code)}`);
  reader.text();
  const id = reader.take(ID_BYTES);
  return id.equals(NO_ID) ? null : id.toString('base64url');
};

/** Of the flexible versions of Kafka's protocol. */
class Reader {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  take(count: number): Buffer {
    const end = this.at + count;
    if (end > this.bytes.byteLength) throw new RangeError('the answer of the broker ends too soon');
    const taken = this.bytes.subarray(this.at, end);
    this.at = end;
    return taken;
  }

  skip(count: number): void {
    this.take(count);
  }

  unsigned(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.take(1).readUInt8();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  /** A text or nothing, of which only the length matters. */
  text(): void {
    this.skip(Math.max(0, this.unsigned() - 1));
  }

  tags(): void {
    for (let count = this.unsigned(); count > 0; count--) {
      this.unsigned();
      this.skip(this.unsigned());
    }
  }
}
