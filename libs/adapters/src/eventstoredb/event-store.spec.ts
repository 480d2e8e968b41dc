import { randomUUID } from 'node:crypto';
import { eventStoreConformance } from '@drawdown/ports/testing';
import { openEventStoreDb } from './event-store';
import { servers } from './testing/servers';

describe.each(servers())('EventStoreDB adapter on $name', ({ url }) => {
  eventStoreConformance(async () => openEventStoreDb(await url(), { prefix: `${randomUUID()}-` }));
});
