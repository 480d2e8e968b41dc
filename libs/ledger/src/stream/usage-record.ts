import {
  exceededLimit,
  isRejection,
  KnownForms,
  parseJsonText,
  parseUsageEvent,
  type DeadLetterReason,
  type Rejection,
  textOf,
  type UsageEvent,
  writeProviderCost,
} from '@drawdown/domain';
import { format, type JsonObject } from '@drawdown/kernel';
import type { StreamRecord } from '@drawdown/ports';

/** Bytes of a usage event, as over HTTP. Brokers usually take less. */
const VALUE_BYTES_MAX = 4 * 1024 * 1024;

const STRUCTURED = 'application/cloudevents+json';
const ATTRIBUTE = /^ce_([a-z0-9]{1,20})$/;

/** How the services of this installation write their usage. */
const forms = new KnownForms();

type Unread = Rejection<DeadLetterReason>;

const reject = (rejected: DeadLetterReason, pointer: string, detail: string): Unread => ({
  ...{ rejected, pointer, detail },
});

/**
 * Reads a record of the usage topic: a CloudEvent in structured or binary mode (CloudEvents Kafka binding §3), or plain
 * JSON of the structured shape. Its checks and codes are those of HTTP (INV-INT-12). Unlike there, the values of
 * attributes are plain UTF-8, not percent-encoded: a `%` is a `%`.
 */
export const readUsageRecord = (record: StreamRecord): UsageEvent | Unread => {
  const { key, value } = record;
  if (value === null || value.length === 0) return reject('empty_value', '', 'the record has no value');
  if (value.length > VALUE_BYTES_MAX) {
    return reject('payload_too_large', '', `at most ${String(VALUE_BYTES_MAX)} bytes`);
  }
  const parsed = readWithin(record, value);
  if (isRejection(parsed) || key === null || key === '' || key === parsed.organizationId) return parsed;
  return reject('organization_mismatch', '/subject', 'the key of the record names another organization than subject');
};

/** What fits the shape is neither deep nor wide, but for a provider's own object: only then the limits are looked at. */
const readWithin = (record: StreamRecord, value: Buffer): UsageEvent | Unread => {
  let parsed: UsageEvent | Unread;
  try {
    parsed = readEvent(record, value);
    if (!isRejection(parsed) && parsed.raw === null) return parsed;
  } catch (error) {
    // Too deep to be written out as text.
    if (!(error instanceof RangeError)) throw error;
    parsed = reject('too_deep', '', 'the value nests too deeply');
  }
  const exceeded = exceededLimit(value);
  return exceeded === null ? parsed : reject(exceeded.code, '', exceeded.detail);
};

const readEvent = ({ headers }: StreamRecord, value: Buffer): UsageEvent | Unread => {
  const type = contentTypeOf(headers);
  const isStructured = type?.toLowerCase().startsWith('application/cloudevents') === true;
  if (isStructured && mediaTypeOf(type) !== STRUCTURED) {
    return reject('unsupported_media_type', '', `structured mode is ${STRUCTURED}`);
  }
  const read = textOf(value);
  if ('code' in read) return reject(read.code, '', read.detail);
  const isBinary = !isStructured && Object.keys(headers).some((name) => name.startsWith('ce_'));
  const known = isBinary ? null : forms.readOne(read.text);
  if (known !== null) return known;
  const parsed = parseJsonText(read.text);
  if ('code' in parsed) return reject(parsed.code, '', parsed.detail);
  if (!isBinary) return parseUsageEvent(parsed.json);
  const event = structuredOf(headers, type, parsed.json);
  // Without `data` it is the fault of a header; an event always has it here.
  return 'data' in event ? parseUsageEvent(event) : (event as Unread);
};

const contentTypeOf = (headers: StreamRecord['headers']): string | undefined =>
  headers['content-type'] ?? Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type')?.[1];

const mediaTypeOf = (type: string): string => (type.split(';', 1)[0] ?? '').trim().toLowerCase();

/** Binary mode as the structured one: attributes from `ce_` headers, the content type as `datacontenttype`. */
const structuredOf = (
  headers: StreamRecord['headers'],
  type: string | undefined,
  data: unknown,
): Readonly<Record<string, unknown>> | Unread => {
  const event: Record<string, unknown> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith('ce_')) continue;
    const name = ATTRIBUTE.exec(header)?.[1];
    if (name === undefined) return reject('invalid_header', '', `${header.slice(0, 64)} is no CloudEvents attribute`);
    event[name] = value;
  }
  if (type !== undefined) event['datacontenttype'] = type;
  event['data'] = data;
  return event;
};

/** The record of a usage event: a structured CloudEvent that {@link readUsageRecord} reads as the very same. */
export const writeUsageRecord = (usage: UsageEvent): StreamRecord => ({
  key: usage.organizationId,
  value: Buffer.from(JSON.stringify(cloudEventOf(usage)), 'utf8'),
  headers: { 'content-type': STRUCTURED },
});

const cloudEventOf = (usage: UsageEvent): JsonObject => ({
  specversion: '1.0',
  id: usage.id,
  source: usage.source,
  type: usage.type,
  time: usage.time,
  subject: usage.organizationId,
  data: dataOf(usage),
});

/** Made for each usage event that comes over HTTP: each field after a spread would cost half a microsecond. */
const dataOf = (usage: UsageEvent): JsonObject => ({
  workspace_id: usage.workspaceId,
  user_id: usage.userId,
  service_type: usage.serviceType,
  resource:
    usage.resourceType === null || usage.resourceId === null
      ? null
      : { type: usage.resourceType, id: usage.resourceId },
  model: usage.model,
  provider_cost: writeProviderCost(usage.providerCost),
  parent_transaction_id: usage.parentTransactionId,
  task_id: usage.taskId,
  latency_ms: usage.latencyMs,
  dimensions: usage.dimensions,
  enforce: usage.enforce,
  ...measuredOf(usage),
});

const measuredOf = ({ quantities, unit, raw }: UsageEvent): JsonObject => {
  if (raw !== null) return { usage: { provider: raw.provider, raw: JSON.parse(raw.usage) as JsonObject } };
  const named = quantities.map(([name, quantity]) => [name, format(quantity)] as const);
  return unit === null ? { quantities: Object.fromEntries(named) } : { quantity: named[0]?.[1] ?? '0', unit };
};
