import { type Actor, SYSTEM } from '@drawdown/domain';
import { type Instant, parseInstant } from '@drawdown/kernel';
import type { StreamRecord } from '@drawdown/ports';
import type { Sender } from '../ledger';

type Headers = StreamRecord['headers'];

const NAMES = {
  sender: 'drawdown-sender',
  replyTo: 'drawdown-reply-to',
  instance: 'drawdown-instance',
  call: 'drawdown-call',
  place: 'drawdown-place',
  deadline: 'drawdown-deadline',
  kept: 'drawdown-kept',
  catalogue: 'drawdown-catalogue',
} as const;

/** Where somebody waits for what becomes of a record. */
export interface ReplyAddress {
  /** Partition of the reply topic that the caller follows; several callers may. */
  readonly partition: number;
  /** Which of them it is. */
  readonly instance: string;
  readonly call: string;
  /** Place of this record among those of the call. */
  readonly place: number;
  /** After it nobody waits any more. */
  readonly deadline: Instant;
}

export const writeReplyAddress = ({ partition, instance, call, place, deadline }: ReplyAddress): Headers => ({
  [NAMES.replyTo]: String(partition),
  [NAMES.instance]: instance,
  [NAMES.call]: call,
  [NAMES.place]: String(place),
  [NAMES.deadline]: deadline,
});

/** Null where nobody waits, or where the headers do not make sense. */
export const readReplyAddress = (headers: Headers): ReplyAddress | null => {
  const { [NAMES.replyTo]: to, [NAMES.instance]: instance, [NAMES.call]: call } = headers;
  if (to === undefined) return null;
  const [partition, place] = [numberIn(to), numberIn(headers[NAMES.place])];
  const deadline = parseInstant(headers[NAMES.deadline] ?? '');
  if (partition === null || place === null || deadline === undefined) return null;
  return instance === undefined || call === undefined ? null : { partition, instance, call, place, deadline };
};

/**
 * Marks usage whose sender has its answer once the stream has it: the reply only tells how far the log went with it, and
 * what leaves nothing in the log is kept among the dead letters as if nobody waited.
 */
export const KEPT: Headers = { [NAMES.kept]: '1' };
export const isKept = (headers: Headers): boolean => headers[NAMES.kept] === '1';

const numberIn = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : null;

export const writeSender = ({ actor, requestId }: Sender): Headers => ({
  [NAMES.sender]: JSON.stringify({ ...actor, request_id: requestId }),
});

const TYPES: readonly Actor['type'][] = ['key', 'user', 'system'];

/**
 * On whose behalf a record was sent. Whoever may write to the topic is trusted with it, so the api says which key or
 * person it had before it; others say nothing, and `otherwise` is recorded.
 */
export const readSender = (headers: Headers, otherwise: Sender): Sender => {
  const text = headers[NAMES.sender];
  if (text === undefined) return otherwise;
  try {
    const { type, id, role, request_id: requestId } = JSON.parse(text) as Record<string, unknown>;
    const known = TYPES.find((one) => one === type);
    if (known === undefined || typeof id !== 'string' || typeof requestId !== 'string') return otherwise;
    return { actor: { type: known, id, role: typeof role === 'string' ? role : null }, requestId };
  } catch {
    return otherwise; // no JSON: a header of somebody else
  }
};

/** Usage that a service put on the topic itself: what authenticated it is the broker's access control. */
export const PRODUCER: Sender = { actor: { ...SYSTEM, type: 'key', id: 'kafka' }, requestId: 'kafka' };

/**
 * Position in the catalogue that the sender has seen. The owner of the shard has seen it, too, before it decides, so that
 * a rate card activated a moment ago prices what is sent after that.
 */
export const writeCatalogueSeen = (position: number): Headers => ({ [NAMES.catalogue]: String(position) });

export const readCatalogueSeen = (headers: Headers): number => {
  const text = headers[NAMES.catalogue];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : -1;
};
