import { codesSchema, DEAD_LETTER_REASONS } from '@drawdown/domain';
import { DEAD_LETTER_TOPIC, USAGE_TOPIC } from './topics';

const text = (description: string, rest: object = {}): object => ({ type: 'string', description, ...rest });
const attribute = (name: string): object => ({ $ref: `usage-event.json#/properties/${name}` });

/**
 * The topics of the write path that others may use, as parts of an AsyncAPI 3.0 document: channels, what Drawdown does
 * with them, and their messages. Commands and replies are between Drawdown's own processes and are not published.
 */
export const DESCRIBED_TOPICS = {
  channels: {
    usage: {
      address: USAGE_TOPIC,
      title: 'Usage events in',
      description:
        'Key: the organization, or none. A partition per shard; which one a record lands on does not matter. The same (source, id) counts once for 40 days.',
      messages: {
        structured: { $ref: '#/components/messages/UsageStructured' },
        binary: { $ref: '#/components/messages/UsageBinary' },
      },
    },
    deadLetters: {
      address: DEAD_LETTER_TOPIC,
      title: 'Records that cannot be decided',
      description: 'Key: that of the original. `npx drawdown dead-letters` lists, shows and sends them again.',
      messages: { deadLetter: { $ref: '#/components/messages/DeadLetter' } },
    },
  },
  operations: {
    takeUsage: { action: 'receive', channel: { $ref: '#/channels/usage' } },
    buryDeadLetters: { action: 'send', channel: { $ref: '#/channels/deadLetters' } },
  },
  messages: {
    UsageStructured: {
      title: 'Usage event, structured mode',
      contentType: 'application/cloudevents+json',
      description: 'The CloudEvents JSON format. Without a content type, plain JSON of the same shape.',
      headers: { type: 'object', properties: { 'content-type': text('`application/cloudevents+json`') } },
      payload: { $ref: 'usage-event.json' },
    },
    UsageBinary: {
      title: 'Usage event, binary mode',
      contentType: 'application/json',
      description: 'CloudEvents Kafka binding 1.0: attributes as headers in plain UTF-8, `data` as the value.',
      headers: {
        type: 'object',
        required: ['ce_specversion', 'ce_id', 'ce_source', 'ce_type', 'ce_subject', 'ce_time'],
        properties: {
          'content-type': text('`application/json`'),
          ce_specversion: attribute('specversion'),
          ce_id: attribute('id'),
          ce_source: attribute('source'),
          ce_type: attribute('type'),
          ce_subject: attribute('subject'),
          ce_time: attribute('time'),
        },
      },
      payload: attribute('data'),
    },
    DeadLetter: {
      title: 'Dead letter',
      contentType: 'application/octet-stream',
      description:
        'Value, key and headers as they were; headers of the same name as one below get `original-` before it.',
      headers: {
        type: 'object',
        required: ['reason', 'topic', 'partition', 'offset'],
        properties: {
          reason: codesSchema(DEAD_LETTER_REASONS),
          pointer: text('JSON Pointer to what is wrong; empty for the whole record'),
          detail: text('What is wrong, in words'),
          topic: text('Where the record stood'),
          partition: text('Partition of that topic', { pattern: '^[0-9]+$' }),
          offset: text('Offset in that partition', { pattern: '^[0-9]+$' }),
          omitted: text('`value`: too large to be repeated here, it still lies where the letter says'),
        },
      },
      payload: { type: 'string', format: 'binary', description: 'The untouched bytes' },
    },
  },
} as const;
