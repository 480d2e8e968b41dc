export { clockConformance } from './clock.conformance';
export { eventStoreConformance } from './event-store.conformance';
export {
  type AppendFault,
  type FaultyEventStore,
  faultyEventStore,
  type HeldAppend,
  inMemoryEventStore,
} from './in-memory/event-store';
export { inMemorySnapshots } from './in-memory/snapshots';
export { snapshotsConformance } from './snapshots.conformance';
export { readDatabaseConformance } from './read-database.conformance';
export { streamConformance } from './stream.conformance';
export { type ManualClock, manualClock } from './in-memory/clock';
