import { amount, START } from '@drawdown/domain/testing';
import { credits, positionOf } from '@drawdown/kernel';
import { type Asked, type CommandRecord, readCommandRecord, writeCommandRecord } from './command-record';
import { readReplyRecord, type Reply, writeReplyRecord } from './reply-record';

/**
 * What api and worker said to each other in November 2026, letter by letter. While one of them is upgraded the two are of
 * different releases: where either writes or reads otherwise, the other does not hear it, commands become dead letters and
 * answers are lost. Who has to change this says so in deploy/README.md, "Upgrading", as it does of `drawdown-place`.
 */
const REPLY_TO = { 'drawdown-reply-to': '2 3 2026-03-01T00:00:00.000000Z call-1 api-1' };
const HEADERS = {
  'drawdown-sender': '{"type":"key","id":"key_1","role":"read","request_id":"req_1"}',
  ...REPLY_TO,
  'drawdown-catalogue': '9',
};
const reply = { partition: 3, instance: 'api-1', call: 'call-1', place: 2, deadline: START };
const command = (asked: Asked): CommandRecord => {
  const actor = { type: 'key', id: 'key_1', role: 'read' } as const;
  return { asked, sender: { actor, requestId: 'req_1' }, afterCatalogue: 9, reply };
};

test.each<[string | null, string, Asked]>([
  [
    'acme',
    '{"kind":"run","organizationId":"acme","commandId":"cmd_1","command":{"type":"AdjustBalance","wallet":"credits",' +
      '"amount":{"$bigint":"-12500000000"},"reason":"correction"},"idempotency":{"key":"k","hash":"h"}}',
    {
      kind: 'run',
      organizationId: 'acme',
      commandId: 'cmd_1',
      command: { type: 'AdjustBalance', wallet: 'credits', amount: amount('-12.5'), reason: 'correction' },
      idempotency: { key: 'k', hash: 'h' },
    },
  ],
  [null, '{"kind":"settle","clock":"clock_1"}', { kind: 'settle', clock: 'clock_1' }],
  [null, '{"kind":"last_priced","card":"std","version":2}', { kind: 'last_priced', card: 'std', version: 2 }],
])(
  'a command of an api of another release is understood, and is written as that understands it: %s %s',
  (key, text, asked) => {
    const record = { key, value: Buffer.from(text), headers: HEADERS };
    expect(readCommandRecord(record)).toEqual(command(asked));
    const written = writeCommandRecord(command(asked));
    expect({ ...written, value: String(written.value) }).toEqual({ ...record, value: text });
  },
);

test.each<[string, Reply]>([
  [
    '{"kind":"run","result":{"accepted":true,"answer":{"id":"x"},"position":null,"replayed":false},"position":[["0",5]]}',
    { kind: 'run', result: { accepted: true, answer: { id: 'x' }, position: positionOf(0, 5), replayed: false } },
  ],
  [
    '[[[2,"charged","txn_1","credits","5","0","-7"]],' +
      '[[3,{"outcome":"refused","code":"out_of_credits","detail":"none","wallet":"credits","duplicate":false}]],[["0",5]]]',
    {
      kind: 'usage',
      outcomes: new Map([
        [
          2,
          {
            ...{ outcome: 'charged', transactionId: 'txn_1', wallet: 'credits' },
            ...{ debited: credits(5n), uncovered: credits(0n), balanceAfter: credits(-7n) },
          },
        ],
        [3, { outcome: 'refused', code: 'out_of_credits', detail: 'none', wallet: 'credits', duplicate: false }],
      ]),
      position: positionOf(0, 5),
    },
  ],
  ['{"kind":"unavailable","detail":"later"}', { kind: 'unavailable', detail: 'later' }],
  [
    '{"kind":"unavailable","detail":"no","code":"organization_frozen"}',
    { kind: 'unavailable', detail: 'no', code: 'organization_frozen' },
  ],
])(
  'an answer of a worker of another release is understood, and is written as that understands it: %s',
  (text, told) => {
    const record = { key: 'api-1', value: Buffer.from(text), headers: REPLY_TO };
    expect(readReplyRecord(record)).toEqual({ to: reply, reply: told });
    const written = writeReplyRecord(reply, told);
    expect({ ...written, value: String(written.value) }).toMatchObject({
      key: 'api-1',
      value: text,
      headers: REPLY_TO,
    });
  },
);
