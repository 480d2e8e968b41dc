import type { IncomingHttpHeaders } from 'node:http';
import { Problem } from '../problems/problem';

export const JSON_TYPE = 'application/json';
export const CLOUD_EVENT_TYPE = 'application/cloudevents+json';
export const CLOUD_EVENT_BATCH_TYPE = 'application/cloudevents-batch+json';

/** What a route reads: `events` the CloudEvents forms too; `optional` may come without a body. */
export type BodyKind = 'json' | 'optional' | 'events';

const MEDIA_TYPE = /^([a-z]+\/[a-z0-9.+-]+)[ \t]*(?:;[ \t]*(.*))?$/;
const CHARSET = /^charset[ \t]*=[ \t]*"?([a-z0-9_-]+)"?$/;

/** The media type without its parameters; `undefined` where it is none, or not in UTF-8. */
export const mediaTypeOf = (header: string | undefined): string | undefined => {
  if (header === JSON_TYPE) return header;
  const [, type, parameters = ''] = MEDIA_TYPE.exec(header?.toLowerCase().trim() ?? '') ?? [];
  for (const parameter of parameters.split(';')) {
    const charset = CHARSET.exec(parameter.trim())?.[1];
    if (charset !== undefined && charset !== 'utf-8' && charset !== 'utf8') return undefined;
  }
  return type;
};

const READ: Readonly<Record<BodyKind, readonly string[]>> = {
  json: [JSON_TYPE],
  optional: [JSON_TYPE],
  events: [JSON_TYPE, CLOUD_EVENT_TYPE, CLOUD_EVENT_BATCH_TYPE],
};

const isWithoutBody = (headers: IncomingHttpHeaders): boolean =>
  headers['content-type'] === undefined &&
  headers['transfer-encoding'] === undefined &&
  (headers['content-length'] === undefined || headers['content-length'] === '0');

/** Refuses a body in a media type, charset or coding that the route does not read. */
export const refuseMediaType = (kind: BodyKind, headers: IncomingHttpHeaders): void => {
  if (kind === 'optional' && isWithoutBody(headers)) return;
  const coding = headers['content-encoding'];
  const type = mediaTypeOf(headers['content-type']);
  if (type !== undefined && READ[kind].includes(type) && (coding === undefined || coding === 'identity')) return;
  throw new Problem('unsupported_media_type', `send ${READ[kind].join(', ')} in UTF-8, without a content coding`, {
    headers: { accept: READ[kind].join(', ') },
  });
};

/** A CloudEvent in binary mode: its attributes are headers, the body is its data. */
export const isBinary = (headers: IncomingHttpHeaders): boolean => {
  for (const name in headers) if (name.startsWith('ce-')) return true;
  return false;
};
