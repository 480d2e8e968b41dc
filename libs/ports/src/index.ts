export { Clock } from './clock';
export {
  APPEND_BYTES_MAX,
  appendBytes,
  type Appended,
  AppendTooLarge,
  AppendUnknown,
  askStore,
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
export { LevelSince } from './level-since';
export { Log, NO_LOG } from './log';
export { Metrics, NO_METRICS } from './metrics';
export { PAGE_BYTES, PageSize } from './page-size';
export { contiguous, pagesToEnd } from './pages-to-end';
export { DatabaseUnavailable, ReadDatabase, type Row, type Sql, type SqlValue, TEXT } from './read-database';
export { savingInTurn, type Snapshot, SNAPSHOTS_KEPT, SnapshotStore } from './snapshots';
export { shareOut } from './share-out';
export {
  checkRecords,
  checkWithin,
  type ConsumedRecord,
  type Consumer,
  type Consumption,
  type Offsets,
  type PartitionBounds,
  type Place,
  RECORD_BYTES_MAX,
  type RecordBatch,
  recordBytes,
  RecordTooLarge,
  Stream,
  StreamGap,
  type StreamRecord,
  StreamUnavailable,
} from './stream';
export { Turns } from './turns';
