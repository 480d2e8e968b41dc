/** The part of the read database suite about parameters and results. */
import type { ReadDatabase } from './read-database';
import { newTable } from './read-database-samples.conformance';

export const valuesGoThere = (db: () => ReadDatabase): void => {
  test.each([
    ['text', 'Grüße, 世界 🪙 \'quoted\' "double" back\\slash {brace}, \n'],
    ['text', ''],
    ['integer', 42],
    ['integer', -7],
    ['double precision', 0.1],
    ['boolean', true],
    ['boolean', false],
    ['bigint', '9007199254740993'],
    ['numeric', '123456789012345678.123456789'],
    ['text', null],
    ['numeric', null],
  ] as const)('takes a parameter of type %s: %p', async (type, value) => {
    expect(await db().query(`SELECT $1::${type} AS value`, [value])).toEqual([{ value }]);
  });

  test('takes a Date as the moment it is', async () => {
    const rows = await db().query(`SELECT $1::timestamptz AS at, $1::timestamptz = '2026-03-01T10:00:00.5Z' AS same`, [
      new Date('2026-03-01T10:00:00.500Z'),
    ]);
    expect(rows).toEqual([{ at: '2026-03-01T10:00:00.500000Z', same: true }]);
  });

  test('takes arrays, of which unnest makes rows', async () => {
    const rows = await db().query(
      `SELECT * FROM unnest($1::text[], $2::numeric[], $3::bigint[], $4::timestamptz[], $5::boolean[], $6::integer[])
         WITH ORDINALITY AS t (name, amount, count, at, yes, small, row) ORDER BY row`,
      [
        ['a, "b" {c} \\ d', '', 'NULL'],
        ['0.000000001', '-12.5', '900000000000000000'],
        ['9007199254740993', '-1', '0'],
        ['2026-03-01T10:00:00.123456Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59.999999Z'],
        [true, false, null],
        [1, null, -3],
      ],
    );
    expect(rows).toEqual([
      { name: 'a, "b" {c} \\ d', amount: '0.000000001', count: '9007199254740993', at: '2026-03-01T10:00:00.123456Z', yes: true, small: 1, row: '1' }, // prettier-ignore
      { name: '', amount: '-12.5', count: '-1', at: '0001-01-01T00:00:00.000000Z', yes: false, small: null, row: '2' },
      { name: 'NULL', amount: '900000000000000000', count: '0', at: '9999-12-31T23:59:59.999999Z', yes: null, small: -3, row: '3' }, // prettier-ignore
    ]);
  });

  test('takes an empty array, and one of a hundred thousand', async () => {
    const many = Array.from({ length: 100_000 }, (_, i) => `wallet-${String(i)}`);
    expect(await db().query('SELECT count(*) AS n FROM unnest($1::text[])', [[]])).toEqual([{ n: '0' }]);
    expect(await db().query('SELECT count(DISTINCT w) AS n FROM unnest($1::text[]) w', [many])).toEqual([
      { n: '100000' },
    ]);
  });
};

export const valuesComeBack = (db: () => ReadDatabase): void => {
  test('gives bigint and numeric as text, whole and with their scale', async () => {
    const rows = await db().query(`SELECT 9007199254740993::bigint AS big, 1::bigint AS one, 12.500::numeric AS amount,
                                          sum(n) AS total, count(*) AS n FROM unnest(ARRAY[1, 2]::bigint[]) n`);
    expect(rows).toEqual([{ big: '9007199254740993', one: '1', amount: '12.500', total: '3', n: '2' }]);
  });

  test('gives times to the microsecond, and days as days', async () => {
    const rows = await db().query(`SELECT '2026-03-01T10:00:00.123456+02:00'::timestamptz AS at,
                                          '2026-03-01'::date AS day, '2026-03-01T10:00:00'::timestamp AS wall`);
    expect(rows).toEqual([{ at: '2026-03-01T08:00:00.123456Z', day: '2026-03-01', wall: '2026-03-01 10:00:00' }]);
  });

  test('gives JSON parsed and arrays as arrays', async () => {
    const rows = await db().query(
      `SELECT '{"a": [1, "x", null]}'::jsonb AS json, '[true]'::json AS plain, ARRAY['a,b', NULL, 'NULL', '', 'x"y\\z{}']::text[] AS texts,
              ARRAY[9007199254740993, NULL]::bigint[] AS bigs, ARRAY[1.50]::numeric[] AS amounts, ARRAY[1, 2]::integer[] AS small,
              ARRAY['2026-03-01T10:00:00Z']::timestamptz[] AS times, '{}'::text[] AS none, ARRAY[ARRAY[1, 2], ARRAY[3, 4]] AS nested`,
    );
    expect(rows).toEqual([
      {
        json: { a: [1, 'x', null] },
        plain: [true],
        texts: ['a,b', null, 'NULL', '', 'x"y\\z{}'],
        bigs: ['9007199254740993', null],
        amounts: ['1.50'],
        small: [1, 2],
        times: ['2026-03-01T10:00:00.000000Z'],
        none: [],
        nested: [[1, 2], [3, 4]], // prettier-ignore
      },
    ]);
  });

  test('gives no rows where there are none', async () => {
    const table = await newTable(db(), 'n integer');
    expect(await db().query(`INSERT INTO ${table} VALUES (1), (2)`)).toEqual([]);
    expect(await db().query(`SELECT * FROM ${table} WHERE n > $1`, [2])).toEqual([]);
    expect(await db().query(`DELETE FROM ${table} RETURNING n`)).toHaveLength(2);
  });

  test('runs the same statement again after its table was changed', async () => {
    const table = await newTable(db(), 'n integer');
    await db().query(`INSERT INTO ${table} VALUES (1)`);
    for (let i = 0; i < 8; i++) expect(await db().query(`SELECT * FROM ${table}`)).toEqual([{ n: 1 }]);
    await db().run(`ALTER TABLE ${table} ADD COLUMN name text DEFAULT 'x'; ALTER TABLE ${table} ALTER n TYPE bigint`);
    expect(await db().query(`SELECT * FROM ${table}`)).toEqual([{ n: '1', name: 'x' }]);
  });
};
