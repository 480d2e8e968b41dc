import { exceededLimit, type JsonFault, KnownForms, parseJsonBytes, parseJsonText, textOf } from '@drawdown/domain';
import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '../problems/problem';
import { CLOUD_EVENT_TYPE, isBinary, mediaTypeOf } from './media-type';
import { EVENTS_MAX, ReadUsages } from './read-usages';

/** Bodies of usage larger than this are looked at before they are parsed, not only where an event is wrong. */
const UNSEEN_BYTES_MAX = 512 * 1024;

const forms = new KnownForms();

const unless = <T extends object>(parsed: T | JsonFault): T => {
  if ('code' in parsed) throw new Problem(parsed.code, parsed.detail);
  return parsed;
};

const refuseEmpty = (body: Buffer): void => {
  if (body.length === 0) throw new Problem('malformed_json', 'the body is empty');
};

/** The bytes of a body as JSON. */
export const parseBody = (body: Buffer): unknown => {
  refuseEmpty(body);
  return unless(parseJsonBytes(body)).json;
};

/**
 * The bytes of a body with usage events: {@link ReadUsages} where all of them are written like others before, else
 * JSON. Its limits are looked at where it is large; whoever reads the events does so where something does not fit
 * (`refuseExceeded`).
 */
export const parseEvents = (body: Buffer, headers: IncomingHttpHeaders): unknown => {
  refuseEmpty(body);
  const { text } = unless(textOf(body));
  const mayBeList = mediaTypeOf(headers['content-type']) !== CLOUD_EVENT_TYPE && !isBinary(headers);
  const usages = mayBeList ? forms.readList(text, EVENTS_MAX) : null;
  if (usages !== null) return new ReadUsages(usages);
  const exceeded = body.length <= UNSEEN_BYTES_MAX ? null : exceededLimit(body);
  return unless(exceeded ?? parseJsonText(text)).json;
};
