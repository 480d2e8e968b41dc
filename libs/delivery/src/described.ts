import { LEDGER_TOPIC } from './event-record';

const text = (description: string, rest: object = {}): object => ({ type: 'string', description, ...rest });

/** The headers of {@link recordOf}. */
const HEADERS = {
  type: 'object',
  required: ['ce_specversion', 'ce_id', 'ce_source', 'ce_type', 'content-type', 'revision', 'position', 'metadata'],
  properties: {
    ce_specversion: text('`1.0`'),
    ce_id: text('Id of the event', { format: 'uuid' }),
    ce_source: text('`drawdown/` and the stream: `drawdown/ledger-0`'),
    ce_type: text('Type of the event; its version stands in the metadata'),
    ce_time: text('When it was booked', { format: 'date-time' }),
    'content-type': text('`application/json`'),
    revision: text('Place in its stream, from 0 without a gap: who sees n + 2 after n has missed one', {
      pattern: '^(0|[1-9][0-9]*)$',
    }),
    position: text('Place in the whole log, growing', { pattern: '^(0|[1-9][0-9]*)$' }),
    metadata: text('`event-metadata.json`: schema version, actor, request, hash of the chain', {
      contentMediaType: 'application/json',
    }),
  },
};

/** The fan-out of the ledger as parts of an AsyncAPI 3.0 document; `eventTypes` names the schemas under `events/`. */
export const describedLedger = (eventTypes: readonly { readonly type: string; readonly version: number }[]) => ({
  channels: {
    ledger: {
      address: LEDGER_TOPIC,
      title: 'Every event of the ledger',
      description:
        'Partition: the shard. In order, at least once: a repetition has the revision of an event that was seen. Usage charges come packed, as they are stored.',
      messages: Object.fromEntries(eventTypes.map(({ type }) => [type, { $ref: `#/components/messages/${type}` }])),
    },
  },
  operations: { publishLedger: { action: 'send', channel: { $ref: '#/channels/ledger' } } },
  messages: Object.fromEntries(
    eventTypes.map(({ type, version }) => {
      const payload = { $ref: `events/${type}.v${String(version)}.json` };
      return [type, { title: type, contentType: 'application/json', headers: HEADERS, payload }];
    }),
  ),
});
