import { randomUUID } from 'node:crypto';
import { EventStoreDBClient } from '@eventstore/db-client';
import type { NamedServer } from './testing/servers';
import { appendProtocol } from './protocol-append.conformance';
import { readProtocol } from './protocol-read.conformance';

/**
 * How the server behaves, seen through the bare client: what the adapter relies on, and what the double has to do. A
 * difference between the double and a real server is a bug of the double.
 */
export const protocolConformance = ({ url }: NamedServer): void => {
  let client: EventStoreDBClient;
  beforeAll(async () => {
    client = EventStoreDBClient.connectionString(await url());
  });
  afterAll(async () => {
    await client.dispose();
  });
  appendProtocol(() => client, freshStream);
  readProtocol(() => client, freshStream);
};

const freshStream = (): string => `protocol-${randomUUID()}`;
