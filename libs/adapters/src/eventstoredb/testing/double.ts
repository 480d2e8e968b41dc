import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { Server, ServerCredentials, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { GossipService } from '@eventstore/db-client/generated/gossip_grpc_pb';
import { ServerFeaturesService } from '@eventstore/db-client/generated/serverfeatures_grpc_pb';
import { StreamsService } from '@eventstore/db-client/generated/streams_grpc_pb';
import { guard, type Security } from './access';
import { batchAppend } from './append-calls';
import { softDelete, tombstone } from './delete-calls';
import { EventLog } from './event-log';
import { Faults } from './faults';
import { type Features, gossip, supportedMethods } from './other-calls';
import { read } from './read-calls';

/** ClusterVNodeStartup.cs, `MaxReceiveMessageSize`: a record (TFConsts.cs, `EffectiveMaxLogRecordSize`); the call fails. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024 - 10_000;

/** Calls that are open at a time on a connection: Kestrel's default, which the server leaves (KurrentDB issue 5682). */
const CALLS_MAX = 100;

export interface EventStoreDbDouble {
  readonly port: number;
  /** Connection string, without whatever a secured one asks for. */
  readonly url: string;
  readonly faults: Faults;
  /** Nothing can be written from now on, or again. */
  diskFull(full: boolean): void;
  /** From now on every write takes so long before anybody can read it. */
  slowDisk(ms: number): void;
  /** Breaks all connections, as a server that ends does. What was answered is on disk. */
  stop(): Promise<void>;
}

export interface DoubleOptions extends Partial<Features>, Security {
  /** 0, the default: a free one. */
  readonly port?: number;
}

/**
 * A server that speaks EventStoreDB's protocol to its client, in this process, with its log in a file of `folder`. What
 * it emulates is named, branch by branch, by the server's source (release 23.10.8 unless said) or its documentation. The unary Append, Users, Operations, Projections,
 * Monitoring and PersistentSubscriptions are UNIMPLEMENTED, which is what grpc-js answers for them.
 */
export const startDouble = async (folder: string, options: DoubleOptions = {}): Promise<EventStoreDbDouble> => {
  await mkdir(folder, { recursive: true });
  const log = await EventLog.open(folder);
  const faults = new Faults();
  const { certificate, users } = options;
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': CALLS_MAX,
    interceptors: users === undefined ? [] : [guard(users, faults)],
  });
  const features = { version: options.version ?? '24.10.14' };
  let port = 0;
  const implementation: [Parameters<Server['addService']>[0], UntypedServiceImplementation][] = [
    [ServerFeaturesService, { getSupportedMethods: supportedMethods(features, faults) }],
    [GossipService, { read: gossip(randomUUID(), () => port) }],
    [
      StreamsService,
      {
        read: read(log, faults),
        batchAppend: batchAppend(log, faults, users),
        delete: softDelete(log),
        tombstone: tombstone(log),
      },
    ],
  ];
  for (const [service, handlers] of implementation) server.addService(service, handlers);
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${String(options.port ?? 0)}`, credentials(certificate), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    server.forceShutdown();
    for (const subscriber of [...faults.subscribers]) subscriber.end();
    await log.close();
  };
  return {
    port,
    url: `esdb://127.0.0.1:${String(port)}${certificate === undefined ? '?tls=false' : ''}`,
    faults,
    diskFull: (full) => (log.diskFull = full),
    slowDisk: (ms) => (log.writeMs = ms),
    stop: () => (stopping ??= stop()),
  };
};

const credentials = (certificate: Buffer | undefined): ServerCredentials =>
  certificate === undefined
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(null, [{ private_key: certificate, cert_chain: certificate }]);
