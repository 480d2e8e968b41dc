import type { DecimalFault } from '@drawdown/kernel';
import type { JsonFault } from './json-bytes';

/** What can be wrong with a usage event itself, whatever channel it came by, in the words of the published contracts. */
export const REJECTIONS = {
  missing_field: 'a field is missing',
  unknown_field: 'a field is not part of a usage event',
  invalid_type: 'a value has another JSON type than its field',
  invalid_value: 'a value does not fit its field, or fields exclude each other',
  invalid_name: 'a name of a service, resource, quantity or dimension has characters that names do not have',
  invalid_id: 'an id is empty, too long, or has characters that ids do not have',
  invalid_timestamp: 'the time is not RFC 3339 with a zone and at most 9 decimals',
  amount_must_be_string: 'an amount is a JSON number; amounts are decimal strings',
  invalid_amount: 'an amount is no plain decimal text, or negative',
  amount_too_precise: 'an amount has more than 9 decimals',
  amount_out_of_range: 'an amount is larger than any can be',
  too_many_keys: 'an object has too many keys, quantities or dimensions',
  payload_too_large: 'the event, or the usage object of a provider in it, is too large',
  unsupported_specversion: 'specversion is not 1.0',
  invalid_header: 'a header of binary mode is no CloudEvents attribute, is given twice, or is badly encoded',
} as const satisfies Record<DecimalFault, string> & Record<string, string>;

export type RejectionCode = keyof typeof REJECTIONS;

/**
 * Why a usage event is invalid: it never reaches the ledger. The same input has the same code on every channel; a channel
 * has codes of its own beside {@link RejectionCode}.
 */
export interface Rejection<Code extends string> {
  readonly rejected: Code;
  /** JSON Pointer into the event. */
  readonly pointer: string;
  readonly detail: string;
}

/** Codes of usage whose organization does not take it, alike on every channel: nothing of it is kept, its sender keeps it. */
export const NOT_TAKEN = {
  organization_not_found: "there is no such organization, or it is not the sender's",
  organization_closed: 'the organization is closed',
  unavailable:
    'the organization is frozen, because its books did not add up: keep the event, and send it again once the operator says so',
} as const;

export type NotTakenCode = keyof typeof NOT_TAKEN;
export const isNotTaken = (code: string): code is NotTakenCode => Object.hasOwn(NOT_TAKEN, code);

/** Every code with which the ledger refuses usage. A new one does not compile before every channel has words for it. */
export type UsageRefusedCode = NotTakenCode | 'out_of_credits';

const UNREADABLE = {
  malformed_json: 'the value is no JSON',
  invalid_encoding: 'the value is not UTF-8',
  too_deep: 'the value nests too deeply',
  too_many_keys: 'an object has too many keys, quantities or dimensions',
  payload_too_large: 'the record, or the usage object of a provider in it, is too large',
} as const satisfies Record<JsonFault['code'], string>;

/**
 * Every reason for which a record becomes a dead letter: the codes of HTTP where the same thing can be wrong there, and
 * some that only a topic has. There are no others: a dead letter is written with one of these.
 */
export const DEAD_LETTER_REASONS = {
  ...REJECTIONS,
  ...UNREADABLE,
  empty_value: 'the record has no value (not over HTTP)',
  unsupported_media_type: 'the content type is a CloudEvents format other than application/cloudevents+json',
  ...NOT_TAKEN,
  organization_mismatch: 'the key of the record names another organization than subject (not over HTTP)',
  decision_failed: 'the ledger fails on this usage event: a bug, drive it again once that is mended (not over HTTP)',
  invalid_command: 'a command between processes of Drawdown that this version cannot read, undecided (not over HTTP)',
} as const satisfies Readonly<Record<string, string>>;

export type DeadLetterReason = keyof typeof DEAD_LETTER_REASONS;

/** Codes with what each means, as a published schema of text. New ones come with releases, which clients have to expect. */
export const codesSchema = (words: Readonly<Record<string, string>>) => ({
  type: 'string' as const,
  enum: Object.keys(words),
  description: [
    ...Object.entries(words).map(([code, meaning]) => `- \`${code}\`: ${meaning}`),
    '',
    'Codes are stable. New ones may be added: take one that you do not know for what stands beside it.',
  ].join('\n'),
});
