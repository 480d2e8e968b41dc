import { readFileSync, writeFileSync } from 'node:fs';
import { drawdown, fileWith } from '../testing/command-line';
import { csv, HEADER, ImportScene, MAPPED, reportOf, row } from '../testing/import-scene';

const scene = new ImportScene();

const cloudEvent = (id: string, change: Record<string, unknown> = {}, tokens: unknown = '5') => ({
  specversion: '1.0',
  id,
  source: 'agents/eu-1',
  type: 'drawdown.usage.v1',
  subject: 'acme',
  time: '2026-03-01T10:00:00Z',
  data: { service_type: 'llm_call', quantities: { input_tokens: tokens } },
  ...change,
});
const ndjson = (...lines: (object | string)[]): string =>
  fileWith('usage.ndjson', lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n'));

describe('what is sent', () => {
  test('the lines of a CSV file, as a CloudEvents batch', async () => {
    const file = csv(2500);
    const { code, json } = await scene.importingMapped(file, '--concurrency', '1');
    expect(code).toBe(0);
    expect(json()).toMatchObject({
      complete: true,
      lines: 2500,
      accepted: 2500,
      duplicates: 0,
      conflicts: 0,
      rejected: 0,
      report: null,
    });
    expect([...scene.server.mediaTypes]).toEqual(['application/cloudevents-batch+json']);
    expect(scene.server.requests).toBe(3);
    expect(scene.server.parsed()[0]).toMatchObject({
      id: expect.stringMatching(/^line-2-[0-9a-f]{12}$/) as string,
      source: 'import:usage.csv',
      subject: 'acme',
      data: { service_type: 'llm_call', quantities: { input_tokens: '1' } },
    });
  });

  test('complete CloudEvents as they are', async () => {
    const events = [cloudEvent('a'), cloudEvent('b', { subject: 'globex' })];
    expect((await scene.importing(ndjson(...events))).json()).toMatchObject({ lines: 2, accepted: 2 });
    expect(scene.server.parsed()).toEqual(events);
  });

  test('flat objects by a mapping', async () => {
    const file = ndjson({ when: '2026-03-01 10:00:00', n: '7', id: 'x-1' });
    const words = [
      '--map',
      'time=when',
      '--map',
      'quantity=n',
      '--map',
      'id=id',
      '--set',
      'unit=pages',
      '--set',
      'service_type=ocr',
    ];
    expect((await scene.importing(file, ...words, '--organization', 'acme', '--source', 's', '--time-utc')).code).toBe(
      0,
    );
    expect(scene.server.parsed()).toMatchObject([
      {
        id: 'x-1',
        source: 's',
        time: '2026-03-01T10:00:00Z',
        data: { service_type: 'ocr', quantity: '7', unit: 'pages' },
      },
    ]);
  });

  test('a column that is called as a target needs no --map', async () => {
    const file = fileWith(
      'usage.csv',
      'time,organization,service_type,quantities.pages\n2026-03-01T10:00:00Z,acme,ocr,3\n',
    );
    expect((await scene.importing(file)).code).toBe(0);
    expect(scene.server.parsed()).toMatchObject([
      { subject: 'acme', data: { service_type: 'ocr', quantities: { pages: '3' } } },
    ]);
  });

  test('by --spread, over organizations that the file does not name', async () => {
    const words = ['--spread', 'organizations=3,seed=1,prefix=t', '--spread-models', 'a,b', '--spread-workspaces', '2'];
    expect((await scene.importing(csv(50), ...MAPPED, ...words)).code).toBe(0);
    expect(new Set(scene.server.parsed().map(({ subject }) => subject))).toEqual(new Set(['t1', 't2', 't3']));
    expect(new Set(scene.server.parsed().map(({ data }) => data['model']))).toEqual(new Set(['a', 'b']));
  });
});

describe('bad lines are reported, those around them imported', () => {
  test('of a CSV file', async () => {
    const good = row(1);
    const file = fileWith(
      'usage.csv',
      Buffer.concat([
        Buffer.from(`${HEADER}${good}`),
        Buffer.from('2026-03-01T10:00:00Z,5,"not closed\n'),
        Buffer.from('2026-03-01T10:00:00Z,5,caf\xe9\n', 'latin1'),
        Buffer.from('2026-03-01T10:00:00Z\n'),
        Buffer.from(
          `2026-03-01T10:00:00Z,1,a,b\n,5,nobody\n2026-03-01 10:00:00,5,u\n2026-03-01T10:00:00Z,1e3,u\n\n${good}`,
        ),
        Buffer.from(`${'9'.repeat(2 * 1024 * 1024)}\n2026-03-01T10:00:00Z,1,"a ""quoted"" one"\n`),
      ]),
    );
    const { code, json } = await scene.importingMapped(file);
    expect(code).toBe(2);
    expect(json()).toMatchObject({ lines: 11, accepted: 3, rejected: 8, report: `${file}.errors.ndjson` });
    expect(reportOf(file).map(({ line, code: found, pointer }) => [line, found, pointer])).toEqual([
      [3, 'malformed_csv', undefined],
      [4, 'invalid_encoding', undefined],
      [5, 'missing_field', undefined],
      [6, 'malformed_csv', undefined],
      [7, 'missing_field', '/time'],
      [8, 'invalid_timestamp', '/time'],
      [9, 'invalid_amount', '/data/quantities/input_tokens'],
      [12, 'payload_too_large', undefined],
    ]);
    for (const { value } of reportOf(file)) expect((value as string | undefined)?.length ?? 0).toBeLessThanOrEqual(64);
  });

  test('of an NDJSON file, with the codes of every other channel', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
    const lines: [string, object | string][] = [
      ['malformed_json', '{"id":'],
      ['malformed_json', '{} {}'],
      ['invalid_type', '[]'],
      ['missing_field', cloudEvent('x', { id: undefined })],
      ['invalid_id', cloudEvent('x', { id: 'a b' })],
      ['unsupported_specversion', cloudEvent('x', { specversion: '0.3' })],
      ['unknown_field', cloudEvent('x', { balance_after: '1' })],
      ['amount_must_be_string', cloudEvent('x', {}, 5)],
      ['amount_too_precise', cloudEvent('x', {}, '0.0000000001')],
      [
        'too_deep',
        `{"specversion":"1.0","id":"x","source":"s","type":"t","subject":"acme","time":"2026-03-01T10:00:00Z","data":{"service_type":"a","usage":{"provider":"p","raw":{"x":${deep}}}}}`,
      ],
    ];
    const file = ndjson(cloudEvent('a'), ...lines.map(([, line]) => line), cloudEvent('b'));
    expect((await scene.importing(file)).json()).toMatchObject({ accepted: 2, rejected: lines.length });
    expect(reportOf(file).map(({ line, code }) => [line, code])).toEqual(lines.map(([code], i) => [i + 2, code]));
  });

  test('as the server judges them', async () => {
    scene.server.judge = ({ id }) =>
      id === 'q'
        ? { outcome: 'quarantined', code: 'no_rate', detail: 'no rate for it' }
        : id === 'r'
          ? { outcome: 'refused', code: 'organization_not_found', detail: 'there is none' }
          : { outcome: 'charged' };
    const file = ndjson(cloudEvent('a'), cloudEvent('a'), cloudEvent('a', {}, '6'), cloudEvent('q'), cloudEvent('r'));
    const { code, json } = await scene.importing(file);
    expect(code).toBe(2);
    expect(json()).toMatchObject({ lines: 5, accepted: 2, quarantined: 1, duplicates: 1, conflicts: 1, rejected: 1 });
    expect(reportOf(file).map(({ line, outcome, code: found }) => [line, outcome, found])).toEqual([
      [3, 'conflict', 'event_id_conflict'],
      [4, 'quarantined', 'no_rate'],
      [5, 'rejected', 'organization_not_found'],
    ]);
  });

  test('BAD-047: one that is quarantined and comes again is a duplicate, and still quarantined, in one file and at the next run', async () => {
    scene.server.judge = () => ({ outcome: 'quarantined', code: 'no_rate', detail: 'no rate for it' });
    const file = ndjson(cloudEvent('q'), cloudEvent('q'));
    const first = await scene.importing(file);
    expect(first.json()).toMatchObject({ lines: 2, accepted: 1, quarantined: 2, duplicates: 1, rejected: 0 });
    const again = await scene.importing(file, '--restart');
    expect(again.json()).toMatchObject({ lines: 2, accepted: 0, quarantined: 2, duplicates: 2, rejected: 0 });
    expect([first.code, again.code]).toEqual([2, 2]);
    expect(reportOf(file)).toMatchObject([
      { line: 1, outcome: 'quarantined', code: 'no_rate', reason: 'no rate for it' },
      { line: 2, outcome: 'quarantined', code: 'no_rate', reason: 'no rate for it' },
    ]);
    scene.server.judge = () => ({ outcome: 'charged' }); // by now
    const charged = await scene.importing(file, '--restart');
    expect([charged.code, charged.json()]).toMatchObject([0, { duplicates: 2, quarantined: 0, report: null }]);
  });

  test('one that was refused and comes again is a duplicate, and still refused', async () => {
    scene.server.judge = ({ id }) =>
      id === 'r'
        ? { outcome: 'refused', code: 'out_of_credits', detail: 'refused before', duplicate: true }
        : { outcome: 'charged' };
    const file = ndjson(cloudEvent('a'), cloudEvent('r'));
    const { code, json } = await scene.importing(file);
    expect([code, json()]).toMatchObject([2, { lines: 2, accepted: 1, duplicates: 1, rejected: 1 }]);
    expect(reportOf(file)).toMatchObject([{ line: 2, outcome: 'rejected', code: 'out_of_credits' }]);
  });

  test('with --no-wait, too', async () => {
    scene.server.judge = ({ id }) =>
      id === 'r' ? { outcome: 'refused', code: 'organization_not_found' } : { outcome: 'charged' };
    const file = ndjson(cloudEvent('a'), cloudEvent('a'), cloudEvent('r'));
    expect((await scene.importing(file, '--no-wait')).json()).toMatchObject({
      accepted: 1,
      duplicates: 1,
      rejected: 1,
    });
    expect(reportOf(file)).toMatchObject([{ line: 3, code: 'organization_not_found' }]);
  });

  test('one that makes the server refuse the whole request is found', async () => {
    const file = csv(100);
    scene.server.refuseBodiesWith = '"input_tokens":"42"';
    expect((await scene.importingMapped(file)).json()).toMatchObject({ lines: 100, accepted: 99, rejected: 1 });
    expect(reportOf(file)).toMatchObject([{ line: 43, code: 'too_deep' }]);
  });
});

describe('what people are told to do about quarantined usage', () => {
  const FIX_THE_CARD = 'fix the rate card, then POST /v1/quarantine/redrive';
  const ON_A_TEST_CLOCK = 'an organization on a test clock';
  const LIMITS = 'not before its organization was made, at most 35 days back, at most 5 minutes ahead';
  const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');
  const toldOf = async (file: string): Promise<string> => {
    const { code, err } = await drawdown(['import', file, '--url', scene.server.url]);
    expect(code).toBe(2);
    return flat(err);
  };
  /** Quarantines each event for the code that is its id. */
  const quarantining = (...codes: readonly string[]): string => {
    scene.server.judge = ({ id }) => ({ outcome: 'quarantined', code: id, detail: '' });
    return ndjson(...codes.map((code) => cloudEvent(code)));
  };

  test.each([
    ['no_rate', [FIX_THE_CARD], [LIMITS, ON_A_TEST_CLOCK]],
    [
      'before_organization',
      ['can never be redriven', LIMITS, ON_A_TEST_CLOCK],
      [FIX_THE_CARD, 'not asked for its age'],
    ],
    ['event_too_old', ['not asked for its age', LIMITS, ON_A_TEST_CLOCK], [FIX_THE_CARD, 'can never be redriven']],
    ['event_in_future', ['once its time has come', LIMITS], [FIX_THE_CARD, ON_A_TEST_CLOCK]],
  ])('of %s', async (code, said, unsaid) => {
    const told = await toldOf(quarantining(code));
    for (const text of said) expect(told).toContain(text);
    for (const text of unsaid) expect(told).not.toContain(text);
  });

  test('of each of several codes, also when all was done by an earlier run', async () => {
    const file = quarantining('before_organization', 'missing_cost', 'event_too_old');
    const told = await toldOf(file);
    for (const text of [FIX_THE_CARD, 'can never be redriven', 'not asked for its age']) expect(told).toContain(text);
    expect(told.split(LIMITS)).toHaveLength(2);
    expect(await toldOf(file)).toBe(`went on after line 3 ${told}`);
    expect((await scene.importing(file)).json()).toMatchObject({
      quarantine_codes: { before_organization: 1, missing_cost: 1, event_too_old: 1 },
    });
  });

  test('of what an earlier release imported, which kept no codes, as it said', async () => {
    const file = quarantining('before_organization');
    await toldOf(file);
    const stateFile = `${file}.drawdown-import.json`;
    const state = JSON.parse(readFileSync(stateFile, 'utf8')) as { tally: object };
    writeFileSync(stateFile, JSON.stringify({ ...state, tally: { ...state.tally, quarantine_codes: undefined } }));
    expect(await toldOf(file)).toContain(FIX_THE_CARD);
  });

  test('and the help names the limits before anything is imported', async () => {
    const { out } = await drawdown(['import', '--help']);
    for (const text of [LIMITS, ON_A_TEST_CLOCK]) expect(flat(out)).toContain(text);
  });
});

test('people get a table', async () => {
  const file = csv(1500);
  const { code, out } = await drawdown([
    'import',
    file,
    '--url',
    scene.server.url,
    '--organization',
    'acme',
    ...MAPPED,
  ]);
  expect(code).toBe(0);
  expect(out).toMatch(/lines .* 1,500/);
  expect(out).toMatch(/accepted .* 1,500/);
});
