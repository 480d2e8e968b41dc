import type { IncomingHttpHeaders } from 'node:http';
import {
  isRejection,
  parseUsageEvent,
  type Rejection,
  type RejectionCode,
  structuredOf,
  type UsageEvent,
} from '@drawdown/domain';
import { CLOUD_EVENT_BATCH_TYPE, CLOUD_EVENT_TYPE, isBinary, JSON_TYPE, mediaTypeOf } from '../body/media-type';
import { EVENTS_MAX, ReadUsages } from '../body/read-usages';
import { isObject } from '../fields/field';
import { finding, Problem } from '../problems/problem';

type IntakeRejection = Rejection<RejectionCode | 'organization_not_found'>;

/** The events of a request: those that can be charged, and why the others cannot. */
export interface Intake {
  /** How many events there were. */
  readonly count: number;
  readonly usages: UsageEvent[];
  /** Place in the request of each usage. */
  readonly places: number[];
  readonly rejected: { readonly index: number; readonly id: string | null; readonly rejection: IntakeRejection }[];
}

const DUE: Readonly<Record<string, string>> = {
  [JSON_TYPE]: 'an event or a list of events',
  [CLOUD_EVENT_TYPE]: 'one event',
  [CLOUD_EVENT_BATCH_TYPE]: 'a list of events',
};

/** The events of a body that carries them whole: structured, batch, or plain JSON, one or a list. */
const eventsOf = (type: string | undefined, body: unknown): readonly unknown[] => {
  if (Array.isArray(body) && type !== CLOUD_EVENT_TYPE) return body;
  if (isObject(body) && type !== CLOUD_EVENT_BATCH_TYPE) return [body];
  throw finding('invalid_type', '', `the body must be ${DUE[type ?? JSON_TYPE] ?? 'an event'}`);
};

const idOf = (event: unknown): string | null => {
  const id = isObject(event) ? event['id'] : undefined;
  return typeof id === 'string' ? id.slice(0, 128) : null;
};

const NOT_FOUND: IntakeRejection = {
  rejected: 'organization_not_found',
  pointer: '/subject',
  detail: 'there is no such organization, or it is not yours',
};

/**
 * Reads a request's events, each for itself, in the forms of the CloudEvents HTTP binding (binary with `ce-*` headers,
 * structured, batch) and as plain JSON. `boundTo`: the organization of the key; events of any other do not exist for it.
 */
export const readIntake = (headers: IncomingHttpHeaders, body: unknown, boundTo: string | null): Intake => {
  if (body instanceof ReadUsages) return intakeOfRead(body, boundTo);
  const type = mediaTypeOf(headers['content-type']);
  const intake: Intake = { count: 1, usages: [], places: [], rejected: [] };
  if (type === JSON_TYPE && isBinary(headers)) {
    const event = structuredOf(headers, body);
    // Without `data` it is the fault of a header; an event always has it here.
    const parsed = 'data' in event ? parseUsageEvent(event) : (event as Rejection<RejectionCode>);
    take(intake, 0, event, parsed, boundTo);
    return intake;
  }
  const events = eventsOf(type, body);
  if (events.length === 0) throw new Problem('batch_empty', 'send at least one event');
  if (events.length > EVENTS_MAX)
    throw new Problem('batch_too_large', `at most ${String(EVENTS_MAX)} events a request`);
  for (let index = 0; index < events.length; index++) {
    take(intake, index, events[index], parseUsageEvent(events[index]), boundTo);
  }
  return { ...intake, count: events.length };
};

const intakeOfRead = ({ usages }: ReadUsages, boundTo: string | null): Intake => {
  const intake: Intake = { count: usages.length, usages: [], places: [], rejected: [] };
  for (let index = 0; index < usages.length; index++) {
    const usage = usages[index];
    if (usage !== undefined) take(intake, index, null, usage, boundTo);
  }
  return intake;
};

const take = (
  intake: Intake,
  index: number,
  event: unknown,
  parsed: UsageEvent | Rejection<RejectionCode>,
  boundTo: string | null,
): void => {
  if (isRejection(parsed)) {
    intake.rejected.push({ index, id: idOf(event), rejection: parsed });
  } else if (boundTo !== null && parsed.organizationId !== boundTo) {
    intake.rejected.push({ index, id: parsed.id, rejection: NOT_FOUND });
  } else {
    intake.usages.push(parsed);
    intake.places.push(index);
  }
};
