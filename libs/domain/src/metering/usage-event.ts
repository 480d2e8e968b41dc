import {
  CALLER_ID,
  chargeId,
  type DecimalFault,
  organizationNamespace,
  parseInstant,
  parseQuantity,
  pointerPart,
  type Quantity,
  SHOWN_MAX,
  USER_ID,
} from '@drawdown/kernel';
import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler, type ValueError, ValueErrorType } from '@sinclair/typebox/compiler';
import type { UsageEvent } from '../events';
import type { Rejection, RejectionCode } from './rejection';

/** Limits of a usage event; the size of the whole is the channel's business. */
const DIMENSIONS_MAX = 32;
const QUANTITIES_MAX = 64;
/** Characters of a provider's own usage object: it is kept whole in the ledger, whose appends are bounded. */
const RAW_MAX = 65_536;

/** `code` is what a text that does not fit is called; the compiled check ignores it, the diagnosis reads it. */
const text = (pattern: string, code: RejectionCode) => Type.String({ pattern, code });
const optional = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

const Id = text(CALLER_ID.source, 'invalid_id');
const UserId = text(USER_ID.source, 'invalid_id');
const FreeText = text('^[^\\u0000-\\u001f\\u007f\\u202a-\\u202e\\u2066-\\u2069]{1,200}$', 'invalid_value');
/** Names of quantities and dimensions; kinds of services and resources are named as freely as ids are. */
const Name = '^[a-z][a-z0-9_]{0,62}$';
const Kind = text(CALLER_ID.source, 'invalid_name');
const Amount = Type.String({ amount: true });

const UsageData = Type.Object(
  {
    workspace_id: optional(Id),
    user_id: optional(UserId),
    service_type: Kind,
    resource: optional(Type.Object({ type: Kind, id: Id }, { additionalProperties: false })),
    model: optional(FreeText),
    quantities: Type.Optional(Type.Record(Type.String(), Amount)),
    quantity: Type.Optional(Amount),
    unit: Type.Optional(text('^[^\\u0000-\\u0020\\u007f]{1,63}$', 'invalid_value')),
    usage: Type.Optional(
      Type.Object({ provider: Id, raw: Type.Record(Type.String(), Type.Unknown()) }, { additionalProperties: false }),
    ),
    provider_cost: optional(
      Type.Object({ amount: Amount, currency: text('^[A-Z]{3}$', 'invalid_value') }, { additionalProperties: false }),
    ),
    parent_transaction_id: optional(Id),
    parent_event_id: optional(Id),
    task_id: optional(Id),
    latency_ms: optional(Type.Integer({ minimum: 0, maximum: 9_007_199_254_740_991, code: 'invalid_value' })),
    dimensions: optional(Type.Record(Type.String(), FreeText)),
    enforce: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);

/** A usage event as a structured CloudEvent (CloudEvents 1.0 §3), with the shape of `data` that api.md gives. */
export const UsageCloudEvent = Type.Object(
  {
    specversion: text('^1\\.0$', 'unsupported_specversion'),
    id: Id,
    source: text("^[A-Za-z0-9._:/?#@!$&'()*+,;=%~\\[\\]-]{1,256}$", 'invalid_value'),
    type: FreeText,
    subject: Id,
    time: Type.String({ instant: true }),
    data: UsageData,
    datacontenttype: Type.Optional(text('^application/json(;.*)?$', 'invalid_value')),
    dataschema: Type.Optional(FreeText),
    // Extension attributes in common use, which say nothing about the charge.
    traceparent: Type.Optional(FreeText),
    tracestate: Type.Optional(FreeText),
    partitionkey: Type.Optional(FreeText),
  },
  { additionalProperties: false },
);
type Wire = Static<typeof UsageCloudEvent>;

/** Half of a surrogate pair: JSON can name it, UTF-8 cannot carry it, and databases would keep some other text instead. */
const HALF_PAIR = /\p{Surrogate}/u;

const compiled = TypeCompiler.Compile(UsageCloudEvent);
const NAME = new RegExp(Name);

/** Names that were found good: an installation uses a few, and looking one up is cheaper than matching it. */
const goodNames = new Set<string>();
const GOOD_NAMES_KEPT = 1_000;

const isName = (text: string): boolean => {
  if (goodNames.has(text)) return true;
  if (!NAME.test(text)) return false;
  if (goodNames.size >= GOOD_NAMES_KEPT) goodNames.clear(); // callers choose them
  goodNames.add(text);
  return true;
};

type Rejected = Rejection<RejectionCode>;

const reject = (rejected: RejectionCode, pointer: string, detail: string): Rejected => ({ rejected, pointer, detail });

export const isRejection = <Code extends string>(parsed: UsageEvent | Rejection<Code>): parsed is Rejection<Code> =>
  'rejected' in parsed;

/** Reads a parsed JSON value as a usage event: canonical and exact, or the first thing that is wrong with it. */
export const parseUsageEvent = (json: unknown): UsageEvent | Rejected => {
  if (!compiled.Check(json)) return diagnose(json);
  const { data } = json;
  const time = parseInstant(json.time);
  if (time === undefined) return reject('invalid_timestamp', '/time', timeDetail);
  const measured = readQuantities(data);
  if ('rejected' in measured) return measured;
  const cost = readCost(data);
  if (cost !== null && 'rejected' in cost) return cost;
  const dimensions = data.dimensions ?? null;
  if (dimensions !== null) {
    const fault = wrongDimensions(dimensions);
    if (fault !== null) return fault;
  }
  const broken = brokenText(json);
  if (broken !== undefined) return reject('invalid_value', broken, 'half of a surrogate pair is no character');
  return {
    organizationId: json.subject,
    source: json.source,
    id: json.id,
    type: json.type,
    time,
    workspaceId: data.workspace_id ?? null,
    userId: data.user_id ?? null,
    serviceType: data.service_type,
    resourceType: data.resource?.type ?? null,
    resourceId: data.resource?.id ?? null,
    model: data.model ?? null,
    quantities: measured.quantities,
    unit: measured.unit,
    providerCost: cost,
    parentTransactionId: parentOf(json),
    taskId: data.task_id ?? null,
    latencyMs: data.latency_ms ?? null,
    dimensions,
    enforce: data.enforce ?? false,
    raw: measured.raw,
  };
};

type Measured = Pick<UsageEvent, 'quantities' | 'unit' | 'raw'>;

/** Exactly one of `quantities`, `quantity` with `unit`, and `usage`. */
const readQuantities = (data: Wire['data']): Measured | Rejected => {
  const { quantities, quantity, usage } = data;
  const given = (quantities === undefined ? 0 : 1) + (quantity === undefined ? 0 : 1) + (usage === undefined ? 0 : 1);
  if (given === 0)
    return reject('missing_field', '/data/quantities', 'give quantities, or quantity with unit, or usage');
  if (given > 1) return reject('invalid_value', '/data', 'give only one of quantities, quantity and usage');
  if (data.unit !== undefined && quantity === undefined) {
    return reject('invalid_value', '/data/unit', 'unit goes with quantity');
  }
  if (usage !== undefined) {
    const raw = JSON.stringify(usage.raw);
    if (raw.length > RAW_MAX) {
      return reject('payload_too_large', '/data/usage/raw', `at most ${String(RAW_MAX)} characters`);
    }
    return { quantities: [], unit: null, raw: { provider: usage.provider, usage: raw } };
  }
  if (quantity !== undefined) {
    if (data.unit === undefined) return reject('missing_field', '/data/unit', 'quantity needs its unit');
    const amount = parseQuantity(quantity);
    if (typeof amount !== 'bigint') return unreadableAmount(amount, '/data/quantity');
    return { quantities: [['quantity', amount]], unit: data.unit, raw: null };
  }
  return readNamedQuantities(quantities ?? {});
};

const timeDetail = 'time must be RFC 3339 with a zone and at most 9 decimals';
const amountDetail = 'an amount is a plain decimal text with at most 9 decimals and no sign, like "12.5"';

const unreadableAmount = (fault: DecimalFault, pointer: string): Rejected =>
  reject(fault, pointer, fault === 'amount_out_of_range' ? 'amounts lie within 9·10¹⁷' : amountDetail);

const readNamedQuantities = (named: Readonly<Record<string, string>>): Measured | Rejected => {
  const names = Object.keys(named);
  if (names.length === 0) return reject('missing_field', '/data/quantities', 'quantities is empty');
  if (names.length > QUANTITIES_MAX)
    return reject('too_many_keys', '/data/quantities', `at most ${String(QUANTITIES_MAX)} quantities`);
  const read: (readonly [string, Quantity])[] = [];
  for (const name of names) {
    if (!isName(name))
      return reject('invalid_name', `/data/quantities/${pointerPart(name)}`, 'names are [a-z][a-z0-9_]{0,62}');
    const amount = parseQuantity(named[name] ?? '');
    if (typeof amount !== 'bigint') return unreadableAmount(amount, `/data/quantities/${name}`);
    read.push([name, amount]);
  }
  return { quantities: read, unit: null, raw: null };
};

const readCost = (data: Wire['data']): UsageEvent['providerCost'] | Rejected => {
  const cost = data.provider_cost ?? null;
  if (cost === null) return null;
  const amount = parseQuantity(cost.amount);
  if (typeof amount !== 'bigint') return unreadableAmount(amount, '/data/provider_cost/amount');
  return { amount, currency: cost.currency };
};

const wrongDimensions = (dimensions: Readonly<Record<string, string>>): Rejected | null => {
  const names = Object.keys(dimensions);
  if (names.length > DIMENSIONS_MAX) {
    return reject('too_many_keys', '/data/dimensions', `at most ${String(DIMENSIONS_MAX)} dimensions`);
  }
  const wrong = names.find((name) => !isName(name));
  return wrong === undefined
    ? null
    : reject('invalid_name', `/data/dimensions/${pointerPart(wrong)}`, 'names are [a-z][a-z0-9_]{0,62}');
};

/** The pointer of a text that is kept and cannot be written as UTF-8. */
const brokenText = ({ type, data }: Wire): string | undefined => {
  if (HALF_PAIR.test(type)) return '/type';
  if (HALF_PAIR.test(data.model ?? '')) return '/data/model';
  if (HALF_PAIR.test(data.unit ?? '')) return '/data/unit';
  const dimension = Object.entries(data.dimensions ?? {}).find(([, value]) => HALF_PAIR.test(value));
  return dimension && `/data/dimensions/${dimension[0]}`;
};

/** A parent is named by its transaction, or by its event's id where both come from one source. */
const parentOf = (event: Wire): string | null => {
  const { parent_transaction_id: transaction, parent_event_id: id } = event.data;
  if (transaction !== undefined && transaction !== null) return transaction;
  if (id === undefined || id === null) return null;
  return chargeId(organizationNamespace(event.subject), event.source, id);
};

/** Faults that are looked at for one of a name: a fault costs as much as reading an event. */
const FAULTS_MAX = 50;

/**
 * The first fault of a value that does not fit, in the words of the error codes. Missing and unknown fields are named
 * before values that do not fit; nothing is looked for after the first of them.
 */
const diagnose = (json: unknown): Rejected => {
  let first: ValueError | null = null;
  for (const fault of take(compiled.Errors(json), FAULTS_MAX)) {
    const leaf = leafOf(fault);
    if (isOfName(leaf)) return rejectionOf(leaf);
    first ??= leaf;
  }
  return first === null ? reject('invalid_type', '', 'this is no usage event') : rejectionOf(first);
};

const take = function* <T>(items: Iterable<T>, count: number): Iterable<T> {
  let left = count;
  for (const item of items) {
    if (left-- <= 0) return;
    yield item;
  }
};

/** A field is missing or unknown. */
const isOfName = ({ type }: ValueError): boolean =>
  type === ValueErrorType.ObjectRequiredProperty || type === ValueErrorType.ObjectAdditionalProperties;

/** What a nullable field's value lacks is said by the member of the union that is not null. */
const leafOf = (fault: ValueError): ValueError => {
  if (fault.type !== ValueErrorType.Union) return fault;
  const [inner] = [...take(fault.errors[0] ?? [], 1)];
  return inner === undefined ? fault : leafOf(inner);
};

/** A pointer as TypeBox makes it, its parts cut where they are long. */
const shown = (path: string): string =>
  path.length <= SHOWN_MAX
    ? path
    : path
        .split('/')
        .map((part) => pointerPart(part.replaceAll('~1', '/').replaceAll('~0', '~')))
        .join('/');

const rejectionOf = (fault: ValueError): Rejected => {
  const pointer = shown(fault.path);
  const detail = fault.message.slice(0, 120);
  const schema = fault.schema as {
    readonly code?: RejectionCode;
    readonly amount?: boolean;
    readonly instant?: boolean;
  };
  switch (fault.type) {
    case ValueErrorType.ObjectRequiredProperty:
      return reject('missing_field', pointer, 'this field is missing');
    case ValueErrorType.ObjectAdditionalProperties:
      return reject('unknown_field', pointer, 'this field is not part of a usage event');
    case ValueErrorType.StringPattern:
    case ValueErrorType.IntegerMinimum:
    case ValueErrorType.IntegerMaximum:
      return reject(schema.code ?? 'invalid_value', pointer, detail);
    case ValueErrorType.String:
      if (typeof fault.value !== 'number') return reject('invalid_type', pointer, detail);
      if (schema.instant === true) return reject('invalid_timestamp', pointer, timeDetail);
      return schema.amount === true
        ? reject('amount_must_be_string', pointer, amountDetail)
        : reject('invalid_type', pointer, detail);
    default:
      return reject('invalid_type', pointer, detail);
  }
};

const CE_HEADER = /^ce-([a-z0-9]{1,20})$/;

/**
 * A CloudEvent in binary mode as the structured one that {@link parseUsageEvent} reads: attributes from `ce-*`
 * headers, percent-decoded (CloudEvents HTTP binding §3.1.3), `data` from the body.
 */
export const structuredOf = (
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  data: unknown,
): Readonly<Record<string, unknown>> | Rejected => {
  const event: Record<string, unknown> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith('ce-') && !header.startsWith('ce_')) continue;
    const name = CE_HEADER.exec(header.replace('ce_', 'ce-'))?.[1];
    if (name === undefined || typeof value !== 'string') {
      return reject('invalid_header', '', `${header.slice(0, 64)} is no CloudEvents attribute, or given twice`);
    }
    try {
      event[name] = decodeURIComponent(value);
    } catch {
      return reject('invalid_header', `/${name}`, `${header} has a broken percent escape`);
    }
  }
  event['data'] = data;
  return event;
};
