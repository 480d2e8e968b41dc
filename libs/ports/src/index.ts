export { Clock } from './clock';
export {
  APPEND_BYTES_MAX,
  appendBytes,
  type Appended,
  AppendTooLarge,
  AppendUnknown,
  checkAppend,
  type EventReader,
  EventStore,
  type NewEvent,
  PAGE_EVENTS_MAX,
  type StoredEvent,
  StoreUnavailable,
  StreamConflict,
} from './event-store';
export { inProcessStream } from './in-process-stream';
export { Log, NO_LOG } from './log';
export { Metrics, NO_METRICS } from './metrics';
export { DatabaseUnavailable, ReadDatabase, type Row, type Sql, type SqlValue } from './read-database';
export { SNAPSHOTS_KEPT, SnapshotStore } from './snapshots';
export {
  type ConsumedRecord,
  type Consumption,
  type RecordBatch,
  Stream,
  type StreamRecord,
  StreamUnavailable,
} from './stream';
