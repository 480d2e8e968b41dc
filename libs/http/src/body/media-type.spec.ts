import { mediaTypeOf } from './media-type';

test.each([
  ['application/json', 'application/json'],
  ['application/json; charset=utf-8', 'application/json'],
  ['Application/JSON;charset="UTF-8"', 'application/json'],
  ['application/cloudevents+json; charset=utf8', 'application/cloudevents+json'],
  ['application/json; version=1', 'application/json'],
  ['application/json; charset=latin1', undefined],
  ['application/json; version=1; charset=utf-16', undefined],
  ['json', undefined],
  ['', undefined],
  [undefined, undefined],
])('%s', (header, type) => expect(mediaTypeOf(header)).toBe(type));
