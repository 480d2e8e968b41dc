import { type Actor, SYSTEM } from '@drawdown/domain';
import { CALLER_ID, type Instant, parseInstant, USER_ID } from '@drawdown/kernel';
import type { StreamRecord } from '@drawdown/ports';
import type { Sender } from '../ledger';

type Headers = StreamRecord['headers'];

const NAMES = {
  sender: 'drawdown-sender',
  replyTo: 'drawdown-reply-to',
  kept: 'drawdown-kept',
  catalogue: 'drawdown-catalogue',
} as const;

/** The records of a request lie one after the other, and share what is long in their headers: it is read once. */
const rememberingLast = <T>(read: (text: string) => T): ((text: string) => T) => {
  let last: { readonly text: string; readonly value: T } | undefined;
  return (text) => {
    if (last?.text !== text) last = { text, value: read(text) };
    return last.value;
  };
};

/** Where somebody waits for what becomes of a record. `instance` and `call` are words. */
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

/** In one header: each is some 5 µs to encode. First the place, then what the records of a call share. */
export const writeReplyAddress = ({ partition, instance, call, place, deadline }: ReplyAddress): Headers => ({
  [NAMES.replyTo]: `${String(place)} ${String(partition)} ${deadline} ${call} ${instance}`,
});

/** Null where nobody waits, or where the header does not make sense. */
export const readReplyAddress = (headers: Headers): ReplyAddress | null => {
  const text = headers[NAMES.replyTo];
  if (text === undefined) return null;
  const end = text.indexOf(' ');
  const place = numberIn(text.slice(0, end));
  const shared = readShared(text.slice(end + 1));
  return place === null || shared === null ? null : { ...shared, place };
};

/** The headers of a record that is sent again when whoever waited for the first has gone. */
export const withoutReplyAddress = (headers: Headers): Headers =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name !== NAMES.replyTo));

/** The last two are repeated in the reply, and no longer than ours are: whoever writes usage writes this, too. */
const SHARED = /^(\d{1,9}) (\S{1,40}) (\S{1,64}) (\S{1,64})$/;

const readShared = rememberingLast((text: string): Omit<ReplyAddress, 'place'> | null => {
  const [, to, until, call, instance] = SHARED.exec(text) ?? [];
  const deadline = parseInstant(until ?? '');
  if (to === undefined || deadline === undefined || call === undefined || instance === undefined) return null;
  return { partition: Number(to), instance, call, deadline };
});

/**
 * Marks usage whose sender has its answer once the stream has it: the reply only tells how far the log went with it, and
 * what leaves nothing in the log is kept among the dead letters as if nobody waited.
 */
export const KEPT: Headers = { [NAMES.kept]: '1' };
export const isKept = (headers: Headers): boolean => headers[NAMES.kept] === '1';

const numberIn = (text: string): number | null => (/^\d{1,9}$/.test(text) ? Number(text) : null);

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
  return (text === undefined ? null : readSenderText(text)) ?? otherwise;
};

/** Far more than all scopes of a key, one after the other. */
const ROLE_MAX = 200;

const isLike = (form: RegExp, text: unknown): text is string => typeof text === 'string' && form.test(text);

const readSenderText = rememberingLast((text: string): Sender | null => {
  try {
    const { type, id, role, request_id: requestId } = JSON.parse(text) as Record<string, unknown>;
    const known = TYPES.find((one) => one === type);
    if (known === undefined || !isLike(USER_ID, id) || !isLike(CALLER_ID, requestId)) return null;
    if (typeof role === 'string' && role.length > ROLE_MAX) return null;
    return { actor: { type: known, id, role: typeof role === 'string' ? role : null }, requestId };
  } catch {
    return null; // no JSON: a header of somebody else
  }
});

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
