import { Type } from '@sinclair/typebox';
import { type ApiClient, ApiProblem, shapeOf } from '../api/client';
import { retrying } from '../api/retry';
import type { LineEvent, LineFault } from './batches';

const BATCH_TYPE = 'application/cloudevents-batch+json';
/** What a server says of a request as a whole because of what one event in it is. */
const OF_AN_EVENT: ReadonlySet<number> = new Set([400, 413, 422]);

const Position = Type.Union([Type.String(), Type.Null()]);
const Answer = shapeOf(
  Type.Union([
    Type.Object({
      position: Position,
      results: Type.Array(
        Type.Object({
          outcome: Type.String(),
          code: Type.Optional(Type.String()),
          detail: Type.Optional(Type.String()),
          pointer: Type.Optional(Type.String()),
          duplicate: Type.Optional(Type.Boolean()),
        }),
      ),
    }),
    Type.Object({
      position: Position,
      accepted: Type.Integer(),
      duplicates: Type.Integer(),
      rejected: Type.Array(
        Type.Object({
          index: Type.Integer(),
          code: Type.String(),
          detail: Type.Optional(Type.String()),
          pointer: Type.Optional(Type.String()),
        }),
      ),
    }),
  ]),
);

export type Verdict = 'rejected' | 'conflict' | 'quarantined';

export interface JudgedFault extends LineFault {
  readonly outcome: Verdict;
}

/** What became of events that were sent. */
export interface Sent {
  /** Taken for the first time, quarantined ones included. */
  readonly accepted: number;
  /** Came before; those that are still quarantined or refused have their fault, too. */
  readonly duplicates: number;
  readonly faults: readonly JudgedFault[];
  readonly position: string | null;
}

export interface SendOptions {
  /** Ask what became of each event, so that conflicts and quarantined events are known whatever carries them. */
  readonly wait: boolean;
  readonly retryForMs: number;
}

/**
 * Sends events through the ordinary intake until the server has taken or refused each. A request that is refused as a
 * whole because of what is in it is halved until the line is found.
 */
export const sendEvents = async (
  client: ApiClient,
  events: readonly LineEvent[],
  options: SendOptions,
  signal: AbortSignal,
): Promise<Sent[]> => {
  try {
    return [await sendOnce(client, events, options, signal)];
  } catch (error) {
    if (!(error instanceof ApiProblem) || !OF_AN_EVENT.has(error.status)) throw error;
    const [only] = events;
    if (only !== undefined && events.length === 1) {
      const fault = { line: only.line, outcome: 'rejected' as const, code: error.code, reason: error.detail };
      return [{ accepted: 0, duplicates: 0, faults: [fault], position: null }];
    }
    const middle = Math.ceil(events.length / 2);
    return [
      ...(await sendEvents(client, events.slice(0, middle), options, signal)),
      ...(await sendEvents(client, events.slice(middle), options, signal)),
    ];
  }
};

const sendOnce = async (
  client: ApiClient,
  events: readonly LineEvent[],
  { wait, retryForMs }: SendOptions,
  signal: AbortSignal,
): Promise<Sent> => {
  const body = `[${events.map(({ event }) => event).join(',')}]`;
  const request = { method: 'POST', body, headers: { 'content-type': BATCH_TYPE }, signal } as const;
  const path = wait ? '/v1/events?wait=charged' : '/v1/events';
  const answer = await retrying(() => client.ask(path, Answer, request), retryForMs, signal);
  return 'results' in answer ? judged(events, answer.results, answer.position) : taken(events, answer);
};

interface Finding {
  readonly code?: string;
  readonly detail?: string;
  readonly pointer?: string;
}

const faultOf = (event: LineEvent | undefined, outcome: Verdict, finding: Finding): JudgedFault => ({
  line: event?.line ?? 0,
  outcome,
  code: finding.code ?? outcome,
  reason: finding.detail ?? '',
  ...(finding.pointer === undefined || finding.pointer === '' ? {} : { pointer: finding.pointer }),
});

const taken = (
  events: readonly LineEvent[],
  answer: {
    readonly accepted: number;
    readonly duplicates: number;
    readonly rejected: readonly (Finding & { readonly index: number })[];
    readonly position: string | null;
  },
): Sent => ({
  accepted: answer.accepted,
  duplicates: answer.duplicates,
  position: answer.position,
  faults: answer.rejected.map((item) =>
    faultOf(events[item.index], item.code === 'event_id_conflict' ? 'conflict' : 'rejected', item),
  ),
});

const judged = (
  events: readonly LineEvent[],
  results: readonly (Finding & { readonly outcome: string; readonly duplicate?: boolean })[],
  position: string | null,
): Sent => {
  if (results.length !== events.length) {
    throw new ApiProblem(200, 'unexpected_answer', 'the server did not answer for every event', null);
  }
  let accepted = 0;
  let duplicates = 0;
  const faults: JudgedFault[] = [];
  results.forEach((result, index) => {
    switch (result.outcome) {
      case 'charged':
      case 'allowance':
        accepted++;
        return;
      case 'duplicate':
        duplicates++;
        return;
      case 'quarantined':
        // Also where it came before: whoever begins again is told of all lines that are not charged.
        if (result.duplicate === true) duplicates++;
        else accepted++;
        faults.push(faultOf(events[index], 'quarantined', result));
        return;
      case 'conflict':
        faults.push(faultOf(events[index], 'conflict', { code: 'event_id_conflict', ...result }));
        return;
      default:
        if (result.duplicate === true) duplicates++;
        faults.push(faultOf(events[index], 'rejected', result));
    }
  });
  return { accepted, duplicates, faults, position };
};
