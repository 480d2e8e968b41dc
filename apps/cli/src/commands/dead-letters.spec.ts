import { COMMANDS_TOPIC, DEAD_LETTER_TOPIC, writeDeadLetter } from '@drawdown/ledger';
import { inProcessStream, RecordTooLarge, type Stream, type StreamRecord, StreamUnavailable } from '@drawdown/ports';
import { drawdown, type Ran } from '../testing/command-line';

const USAGE = 'drawdown.usage.v1';
const BROKEN: StreamRecord = {
  key: 'acme',
  value: Buffer.from([0x7b, 0xff, 0x0a]),
  headers: { ce_id: '1', reason: 'x' },
};
const UNKNOWN: StreamRecord = { key: null, value: Buffer.from('{"subject":"nobody"}'), headers: {} };
/** Too large for its letter, which has the place of the record alone. */
const LARGE = { key: 'acme', value: Buffer.alloc(999_900, 'a'), headers: {} };

let stream: Stream;
beforeEach(async () => {
  stream = inProcessStream();
  await stream.ensureTopic(USAGE, 2);
  await stream.ensureTopic(DEAD_LETTER_TOPIC, 2);
});

const rejection = (rejected: string) => ({ rejected, pointer: '/data', detail: `because ${rejected}` }) as never;

const bury = async (
  partition: number,
  record: StreamRecord,
  reason: string,
  offset = 7,
  topic = USAGE,
): Promise<void> => {
  const place = { topic, partition: 1, offset };
  await stream.send(DEAD_LETTER_TOPIC, partition, [writeDeadLetter(record, place, rejection(reason))]);
};

/** Runs a command on the stream, which it must close; it is kept open for the test. */
const run = async (...words: readonly string[]): Promise<Ran> => {
  let isClosed = false;
  const openStream = (): Stream => ({
    ensureTopic: (...call) => stream.ensureTopic(...call),
    partitionsOf: (...call) => stream.partitionsOf(...call),
    identityOf: (...call) => stream.identityOf(...call),
    boundsOf: (...call) => stream.boundsOf(...call),
    send: (...call) => stream.send(...call),
    consume: (...call) => stream.consume(...call),
    follow: (...call) => stream.follow(...call),
    close: async () => {
      isClosed = true;
    },
  });
  const ran = await drawdown(['dead-letters', ...words], undefined, { openStream });
  expect(isClosed).toBe(true);
  return ran;
};

const sentTo = async (topic: string, partition: number): Promise<readonly StreamRecord[]> => {
  const end = (await stream.boundsOf(topic))[partition]?.end ?? 0;
  if (end === 0) return [];
  for await (const { records } of stream.follow(topic, partition, 0, new AbortController().signal)) {
    return records.map(({ key, value, headers }) => ({ key, value, headers }));
  }
  return [];
};

test('lists dead letters with reason and place, for people and for programs', async () => {
  await bury(0, BROKEN, 'malformed_json');
  await bury(1, UNKNOWN, 'organization_not_found', 8);
  const shown = await run('list');
  expect(shown.code).toBe(0);
  expect(shown.out).toMatch(/0\.0 .*malformed_json .*drawdown\.usage\.v1 .*1\.7 .*acme .*because malformed_json/);
  expect(shown.out).toMatch(/1\.0 .*organization_not_found .*1\.8/);
  const listed = (await run('list', '--json', '--reason', 'organization_not_found')).json();
  expect(listed).toMatchObject({ total: 1, dead_letters: [{ id: '1.0', topic: USAGE, partition: 1, offset: 8 }] });
});

test('keeps only the newest of a topic of any size', async () => {
  for (let offset = 0; offset < 30; offset++) await bury(0, UNKNOWN, 'organization_not_found', offset);
  const shown = await run('list', '--limit', '3');
  expect(shown.out).toContain('0.29');
  expect(shown.out).not.toContain('0.26 ');
  expect(shown.out).toContain('3 of 30');
});

test('says so where there is none, also before any worker has made the topic', async () => {
  expect((await run('list')).out).toContain('there are no dead letters');
  stream = inProcessStream();
  expect((await run('list', '--json')).json()).toEqual({ total: 0, dead_letters: [] });
});

test('shows one with its headers and its exact bytes', async () => {
  await bury(0, BROKEN, 'malformed_json');
  const document = (await run('show', '0.0', '--json')).json();
  expect(document).toMatchObject({ id: '0.0', key: 'acme', headers: BROKEN.headers, value: { base64: 'e/8K' } });
  expect((await run('show', '0.0')).out).toContain('header  ce_id: 1');
});

test('a letter that is not there is named, and nothing is sent', async () => {
  await bury(0, BROKEN, 'malformed_json');
  for (const id of ['0.1', '5.0', 'x', '0']) {
    const ran = await run('redrive', '0.0', id);
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining(`no dead letter ${id}`)]);
  }
  expect(await sentTo(USAGE, 1)).toEqual([]);
});

test('sends the untouched record to its topic and partition again, and says so (BAD-046)', async () => {
  await bury(0, BROKEN, 'malformed_json');
  await bury(0, UNKNOWN, 'organization_not_found');
  const ran = await run('redrive', '0.1', '0.0');
  expect(ran.code).toBe(0);
  expect(ran.out).toContain(`0.0: sent to ${USAGE}, partition 1, bytes untouched`);
  expect(await sentTo(USAGE, 1)).toEqual([UNKNOWN, BROKEN]);
});

test('INV-INT-5: nobody waits for it any more, so that what still cannot be decided comes back as a new letter', async () => {
  const headers = { 'drawdown-reply-to': '0 0 2026-03-01T00:00:00.000000Z call api', 'drawdown-sender': '{}' };
  await bury(0, { ...UNKNOWN, headers }, 'decision_failed');
  expect((await run('redrive', '0.0')).code).toBe(0);
  expect(await sentTo(USAGE, 1)).toEqual([{ ...UNKNOWN, headers: { 'drawdown-sender': '{}' } }]);
});

test('but a command keeps who asked: it is none without', async () => {
  await stream.ensureTopic(COMMANDS_TOPIC, 2);
  const headers = { 'drawdown-reply-to': '0 0 2026-03-01T00:00:00.000000Z call api' };
  await bury(0, { ...UNKNOWN, headers }, 'invalid_command', 7, COMMANDS_TOPIC);
  expect((await run('redrive', '0.0')).code).toBe(0);
  expect(await sentTo(COMMANDS_TOPIC, 1)).toEqual([{ ...UNKNOWN, headers }]);
});

test('sends all of one reason again', async () => {
  await bury(0, BROKEN, 'malformed_json');
  await bury(0, UNKNOWN, 'organization_not_found');
  const ran = await run('redrive', '--all', '--reason', 'organization_not_found', '--json');
  expect(ran.json()).toEqual({
    redriven: [{ id: '0.1', topic: USAGE, partition: 1 }],
    not_sent: [],
    left_out_as_same: 0,
  });
  expect(await sentTo(USAGE, 1)).toEqual([UNKNOWN]);
});

test('with --all a record is sent once, however many letters it has become', async () => {
  const asked = { ...UNKNOWN, headers: { 'drawdown-reply-to': '0 0 2026-03-01T00:00:00.000000Z call api' } };
  await bury(0, BROKEN, 'malformed_json');
  await bury(0, asked, 'organization_not_found');
  for (const offset of [8, 9, 10]) {
    await run('redrive', '--all');
    // Nothing has changed: what was sent again fails again, for another reason, beside the letter that stays.
    await bury(1, BROKEN, 'decision_failed', offset);
    await bury(1, UNKNOWN, 'decision_failed', offset);
  }
  const ran = await run('redrive', '--all');
  expect(ran.code).toBe(0);
  expect(ran.out).toContain('2 sent again');
  expect(ran.out).toContain('6 left out, being the same records');
  const rounds = Array.from({ length: 4 }, () => [BROKEN, UNKNOWN]).flat();
  expect(await sentTo(USAGE, 1)).toEqual(rounds);
  expect((await run('redrive', '--all', '--json')).json()).toMatchObject({ left_out_as_same: 6 });
});

test('with --all one that differs in anything is another record, the order of its headers aside', async () => {
  const record: StreamRecord = { key: 'k', value: Buffer.from('v'), headers: { a: '1', b: '2' } };
  const others: readonly StreamRecord[] = [
    { ...record, key: null },
    { ...record, value: Buffer.from('w') },
    { ...record, value: Buffer.alloc(0) },
    { ...record, value: null },
    { ...record, headers: { a: '1' } },
    { ...record, headers: { a: '1', b: '3' } },
    { ...record, headers: { a: '1', b: '2', reason: 'its own' } },
  ];
  for (const one of [record, ...others, { ...record, headers: { b: '2', a: '1' } }]) await bury(0, one, 'x');
  await stream.ensureTopic(COMMANDS_TOPIC, 2);
  await bury(0, record, 'x', 7, COMMANDS_TOPIC);
  expect((await run('redrive', '--all', '--json')).json()).toMatchObject({ left_out_as_same: 1 });
  expect(await sentTo(USAGE, 1)).toEqual([record, ...others]);
  expect(await sentTo(COMMANDS_TOPIC, 1)).toEqual([record]);
});

test('letters that are named are each sent, though they are the same', async () => {
  for (const offset of [7, 8]) await bury(0, UNKNOWN, 'organization_not_found', offset);
  expect((await run('redrive', '0.0', '0.1', '--json')).json()).toMatchObject({ left_out_as_same: 0 });
  expect(await sentTo(USAGE, 1)).toEqual([UNKNOWN, UNKNOWN]);
});

test('the help says that letters stay, and what --all does of it', async () => {
  const { out } = await drawdown(['dead-letters', 'redrive', '--help']);
  expect(out.replaceAll(/\s+/g, ' ')).toContain('Letters stay listed after they were sent again');
  expect(out.replaceAll(/\s+/g, ' ')).toContain('each record once, however many letters');
});

test.each([[[]], [['list']], [['show']], [['redrive']]])('the help names every exit code: %j', async (words) => {
  const { out } = await drawdown(['dead-letters', ...words, '--help']);
  const [, codes = ''] = out.split('Exit codes: ');
  expect([...codes.matchAll(/(?:^|; )(\d) /g)].map(([, code]) => code)).toEqual(['0', '1', '2', '3']);
  expect(codes).toContain('3 the brokers do not answer');
});

test('takes a record that was too large for its letter from where it lies', async () => {
  await stream.send(USAGE, 1, [LARGE]);
  await bury(0, LARGE, 'payload_too_large', 0);
  expect((await run('show', '0.0')).out).toContain('too large for the letter');
  await run('redrive', '0.0');
  // Compared as bytes: jest compares buffers of this size for a minute.
  expect((await sentTo(USAGE, 1)).map(({ key, value }) => [key, value?.equals(LARGE.value)])).toEqual([
    ['acme', true],
    ['acme', true],
  ]);
});

test('with --all one that was too large for its letters is sent once, too', async () => {
  await stream.send(USAGE, 1, [LARGE, LARGE]);
  for (const offset of [0, 1]) await bury(0, LARGE, 'payload_too_large', offset);
  expect((await run('redrive', '--all', '--json')).json()).toMatchObject({ left_out_as_same: 1 });
  expect(await sentTo(USAGE, 1)).toHaveLength(3);
});

test('one that is too large to be sent again is named, and the others are sent', async () => {
  for (const record of [BROKEN, UNKNOWN]) await bury(0, record, 'payload_too_large');
  jest.spyOn(stream, 'send').mockRejectedValueOnce(new RecordTooLarge('the limit is 1'));
  const ran = await run('redrive', '--all');
  expect([ran.code, ran.err]).toEqual([2, expect.stringContaining('0.0: not sent: the limit is 1; its sender')]);
  expect(await sentTo(USAGE, 1)).toEqual([UNKNOWN]);
});

test('one whose bytes nobody has any more is named, and the others are sent', async () => {
  await bury(0, LARGE, 'payload_too_large'); // its topic is empty: nothing lies where the letter says
  await bury(0, UNKNOWN, 'organization_not_found');
  const ran = await run('redrive', '--all', '--json');
  expect([ran.code, ran.err]).toEqual([2, expect.stringContaining('does not keep them any more; its sender')]);
  expect(ran.json()).toMatchObject({ not_sent: [{ id: '0.0', reason: 'original_gone' }] });
  expect(await sentTo(USAGE, 1)).toEqual([UNKNOWN]);
});

test.each([
  [['redrive'], 'name the letters'],
  [['redrive', '0.0', '--all'], 'name the letters'],
])('refuses %j', async (words, said) => {
  const ran = await run(...words);
  expect([ran.code, ran.err]).toEqual([1, expect.stringContaining(said)]);
});

test('without brokers it says which setting is missing, and exits with 3 where they do not answer', async () => {
  expect(await drawdown(['dead-letters', 'list'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('KAFKA_BROKERS') as string,
  });
  stream.boundsOf = () => Promise.reject(new StreamUnavailable('nobody is there'));
  expect(await run('list')).toMatchObject({ code: 3, err: expect.stringContaining('nobody is there') as string });
});

test('nothing that a terminal obeys is shown of a record: whoever may write usage may be anybody', async () => {
  const escape = '\u001b]0;owned\u0007\u009b2J\u202e';
  const obeyed = /[\u0007\u001b\u007f-\u009f\u202e]/;
  await bury(
    0,
    { key: escape, value: Buffer.from(`{${escape}\n\t}`), headers: { [`x${escape}`]: escape } },
    'malformed_json',
  );
  expect((await run('list')).out).not.toMatch(obeyed);
  const { out } = await run('show', '0.0');
  expect(out).not.toMatch(obeyed);
  expect(out).toContain('\n\t}');
  // For programs it is as it was.
  const shown = (await run('show', '0.0', '--json')).json();
  expect(shown).toMatchObject({ key: escape, value: { text: `{${escape}\n\t}` } });
});
