/**
 * What `/metrics` says of each metric that a process reports through the port, by its name without `drawdown_`: what it
 * is, its unit, and its labels in backticks. A name that is missing here, or that nobody reports, fails
 * deploy/metrics.spec.ts.
 */
export const METRIC_HELP: Readonly<Record<string, string>> = {
  // How the process is
  dependency_up: 'Whether a `dependency` answers this process: 1, or 0',
  event_loop_lag_seconds: 'How late the event loop of the main thread was at worst within the last minute, in seconds',
  clock_skew_seconds: 'How far the clocks of this process and of the read database are apart, in seconds',
  database_pool_waiting: 'Queries that wait for a connection of the pool to PostgreSQL now',
  shutdown_seconds: 'How long it took to finish what was accepted when the process was told to stop, in seconds',

  // Intake
  intake_events_total:
    'Usage events that are dealt with, by `outcome` and by the `channel` that they came by (http, kafka)',
  access_refusals_total: 'Answers of check that refused access, by `outcome`: recorded in the ledger, or lost',
  usage_unpositioned_total: 'Usage events that were taken without telling a position, as their shard is behind',
  forwarded_records_total:
    'Records of Kafka that stood on the partition of another shard and were sent on to their own',
  dead_letters_total: 'Records of Kafka that became dead letters, by `reason`',
  commands_total:
    'Commands that came over Kafka, by `outcome`; expired, decided_before and unavailable ones were not decided here',
  command_duration_seconds:
    'Time from the arrival of a command to its answer, refusals included, in seconds, by `command`',
  ledger_overloaded_total: 'Commands and batches of usage that were refused as too much waits for their shard',

  // Decide and append
  append_total:
    'Answers of the event store to appends, by `outcome`: stored, idempotent, ambiguous (repeated), conflict, failed',
  append_duration_seconds: 'Time from handing an append to the event store to its durable answer, in seconds',
  append_batch_commands: 'Commands and batches of usage that one append stored',
  append_bytes_total: 'Bytes of events that were stored in the ledger',
  charges_total: 'Charges that were stored in the ledger',
  ledger_events_total: 'Events that were stored in the ledger; one holds many charges',
  decision_failures_total: 'Decisions that a bug broke off',
  invariant_violations_total:
    'Decisions that were thrown away and froze their organization, by the `invariant` that they would have broken',
  settle_due_oldest_seconds:
    'How long ago the oldest became due of what time sets off and is not booked, in seconds, by `shard`',
  organizations_frozen: 'Organizations whose books did not add up, and which are refused since, by `shard`',
  shards_owned: 'Shards that this process owns now',
  shard_loads_total: 'Loads of the state of a shard from snapshot and log',
  shard_load_duration_seconds: 'Time that loading the state of a shard took, in seconds',
  shard_load_failures_total: 'Loads of the state of a shard that failed, once a second as long as they do',
  shard_fenced_total: 'Appends that found another writer in the log of their shard; they are decided again',
  topics_refused: 'Shards that wait as this process refuses a `topic`: it is not the one that they were fed from',
  worker_lag_records: 'Records of Kafka that the owner of a shard has not consumed, by `topic` and `shard`',
  worker_lag_seconds:
    'Time since the owner of a shard was last level with the end of its topic, in seconds, by `topic` and `shard`',
  records_refused_total: 'Times that the brokers refused a record for its size, by `topic`',
  records_lost_total: 'Records that Kafka deleted before they were consumed, by `topic`',
  kafka_rebalances_total: 'Times that this process was given partitions by a consumer `group`',

  // Relay, and what is read of the ledger
  relay_lag_events: 'Events that are stored and not yet published to Kafka, by `shard`',
  relay_published_total: 'Events that were published to Kafka and acknowledged, by `shard`',
  relay_errors_total: 'Times that events could not be published, and were tried again, by `shard`',
  relay_measure_errors_total: 'Times that the relay could not look at its lag or at its topic',
  consumer_duplicates_total: 'Events that a reader of the log met again and dropped by their place, by `stream`',
  consumer_gaps_total: 'Times that a reader of the ledger met a missing revision, by `stream`',
  ledger_records_unreadable_total: 'Records of the ledger topic that are no event of the ledger, by `stream`',
  fan_out_errors_total: 'Times that the ledger topic could not be read, and the event store was instead, by `stream`',
  fan_out_silences_total:
    'Times that events were stored and not published in time, and were read from the store, by `stream`',
  subscription_age_seconds: 'Time since a subscription last heard of the event store, in seconds, by `stream`',
  resubscribes_total: 'Times that a subscription to the event store was begun again',

  // Projectors
  projection_lag_events: 'Events of the ledger that are not in a read model yet, by `projector` and `shard`',
  projection_lag_seconds:
    'Time since a read model was last level with the ledger, in seconds, by `projector` and `shard`',
  projection_commits_total: 'Transactions that wrote to a read model, by `projector`',
  projection_batch_events: 'Events that one transaction wrote to a read model, by `projector`',
  projection_batch_charges: 'Charges that one transaction wrote to a read model, by `projector`',
  projection_retries_total: 'Transactions that met another of the database and were repeated, by `projector`',
  projection_errors_total:
    'Failures of a projector that will be tried again, by `projector` (all: none could be prepared)',
  projection_fenced_total: 'Transactions that another writer of the same read model forestalled, by `projector`',
  projection_store_errors_total: 'Times that a projector could not read the event store',
  consumer_halted: 'Whether a projector stands still at an event for good: 1, or 0, by `projector` and `shard`',
  read_waits_total:
    'Reads with after that had to wait, by `outcome`: caught_up, behind (given up), unavailable (the database was away)',

  // HTTP
  http_requests_total: 'Requests that were answered, by `method`, `route` and `status`',
  http_request_duration_seconds:
    'Time from the arrival of a request to its answer, in seconds, by `method` and `route`',
  http_connections: 'Connections of callers that are open now',
  http_overloaded_total: 'Requests that were refused as too many bytes of bodies are worked on (503)',
  http_unread_closed_total: 'Connections that were closed as nobody read their answer',
  reader_quota_refused_total: 'Refused questions of callers who may only read that were too many in a minute (429)',
};
