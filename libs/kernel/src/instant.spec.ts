import fc from 'fast-check';
import {
  DAY_MICROS,
  earliest,
  fromMicros,
  HOUR_MICROS,
  type Instant,
  latest,
  microsBetween,
  NEVER,
  parseInstant,
  shift,
  storedInstant,
  toMicros,
} from './instant';

const FIRST = '0001-01-01T00:00:00.000000Z' as Instant;
const FIRST_MICROS = toMicros(FIRST);
const LAST_MICROS = toMicros(NEVER);

/** A moment of the years 1 to 9999; `Date` is the oracle, which knows milliseconds. */
const moment = fc.date({
  min: new Date('0001-01-01T00:00:00.000Z'),
  max: new Date('9999-12-31T23:59:59.999Z'),
  noInvalidDate: true,
});
const micros = fc.bigInt({ min: FIRST_MICROS, max: LAST_MICROS });
const instant = micros.map((value) => fromMicros(value) ?? NEVER);
const isoMicros = (date: Date): string => `${date.toISOString().slice(0, -1)}000Z`;

describe('an instant', () => {
  test('agrees with Date on every millisecond of the years 1 to 9999', () => {
    fc.assert(
      fc.property(moment, (date) => {
        const read = parseInstant(date.toISOString());
        expect(read).toBe(isoMicros(date));
        expect(fromMicros(BigInt(date.getTime()) * 1000n)).toBe(read);
        expect(read && toMicros(read)).toBe(BigInt(date.getTime()) * 1000n);
      }),
      { numRuns: 1000 },
    );
  });

  test('FLT-73: agrees with Date at the turns of every year and every February', () => {
    for (let year = 1; year <= 9999; year++) {
      for (const day of ['01-01', '02-28', '02-29', '03-01', '12-31']) {
        const text = `${String(year).padStart(4, '0')}-${day}`;
        const date = new Date(`${text}T23:59:59.999Z`);
        const exists = date.toISOString().startsWith(text); // Date reads 29 February of other years as 1 March
        const read = parseInstant(`${text}T23:59:59.999Z`);
        if (read !== (exists ? isoMicros(date) : undefined)) throw new Error(`${text} is read as ${String(read)}`);
        if (read !== undefined && toMicros(read) !== BigInt(date.getTime()) * 1000n)
          throw new Error(`${text} to micros`);
      }
    }
  });

  test('microseconds and text are two forms of one thing', () => {
    fc.assert(
      fc.property(micros, (value) => {
        const text = fromMicros(value);
        expect(text && toMicros(text)).toBe(value);
        expect(text && parseInstant(text)).toBe(text);
        expect(text && storedInstant(text)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test('text order is time order', () => {
    fc.assert(
      fc.property(instant, instant, (a, b) => {
        expect(a < b).toBe(toMicros(a) < toMicros(b));
        expect([earliest(a, b), latest(a, b)]).toEqual([a, b].sort());
      }),
      { numRuns: 2000 },
    );
  });

  test('BAD-037: an offset is taken off', () => {
    fc.assert(
      fc.property(moment, fc.integer({ min: -1439, max: 1439 }), (date, offsetMinutes) => {
        const local = new Date(date.getTime() + offsetMinutes * 60_000);
        fc.pre(local.getUTCFullYear() >= 1 && local.getUTCFullYear() <= 9999);
        const two = (n: number): string => String(n).padStart(2, '0');
        const size = Math.abs(offsetMinutes);
        const offset = `${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
        expect(parseInstant(local.toISOString().replace('Z', offset))).toBe(isoMicros(date));
      }),
      { numRuns: 2000 },
    );
  });

  test('Z, z, +00:00 and -00:00 mean the same, as T and t do', () => {
    fc.assert(
      fc.property(moment, fc.stringMatching(/^\d{1,9}$/), (date, fraction) => {
        const stem = `${date.toISOString().slice(0, 19)}.${fraction}`;
        const spellings = [`${stem}Z`, `${stem}z`, `${stem}+00:00`, `${stem}-00:00`, `${stem.replace('T', 't')}Z`];
        expect(new Set(spellings.map(parseInstant)).size).toBe(1);
        expect(parseInstant(`${stem}Z`)).toBe(
          `${date.toISOString().slice(0, 19)}.${fraction.padEnd(6, '0').slice(0, 6)}Z`,
        );
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['2026-03-01T10:00:00Z', '2026-03-01T10:00:00.000000Z'],
    ['2026-03-01T10:00:00.5Z', '2026-03-01T10:00:00.500000Z'],
    ['2026-03-01T10:00:00.123456789Z', '2026-03-01T10:00:00.123456Z'],
    ['2026-03-01T10:00:00.999999999Z', '2026-03-01T10:00:00.999999Z'],
    ['2026-03-01T10:00:00.123456789+05:30', '2026-03-01T04:30:00.123456Z'],
    ['2024-02-29T23:30:00-01:00', '2024-03-01T00:30:00.000000Z'],
    ['2000-02-29T00:00:00Z', '2000-02-29T00:00:00.000000Z'],
    ['1969-12-31T23:59:59.999999999Z', '1969-12-31T23:59:59.999999Z'],
    ['9999-12-31T23:59:59.999999Z', NEVER],
  ])('BAD-037: %s is %s, cut to the microsecond and not rounded', (text, expected) => {
    expect(parseInstant(text)).toBe(expected);
  });

  test.each([
    ...[
      '',
      '2026',
      '2026-03-01',
      '10:00:00Z',
      '+02:00',
      '1767225600',
      '1767225600.5',
      '2026-03-01T10:00Z',
      '20260301T100000Z',
    ],
    ...[
      '2026-03-01T10:00:00',
      '2026-03-01 10:00:00Z',
      '2026-03-01T10:00:00 Z',
      '2026-03-01T10:00:00+0200',
      '2026-03-01T10:00:00+02',
    ],
    ...[
      '2026-02-30T10:00:00Z',
      '2026-02-29T10:00:00Z',
      '1900-02-29T00:00:00Z',
      '2026-04-31T00:00:00Z',
      '2026-13-01T00:00:00Z',
    ],
    ...[
      '2026-00-01T00:00:00Z',
      '2026-01-00T00:00:00Z',
      '2026-01-32T00:00:00Z',
      '2026-03-01T24:00:00Z',
      '2026-03-01T10:60:00Z',
    ],
    ...[
      '2026-03-01T10:00:60Z',
      '2016-12-31T23:59:60Z',
      '0000-01-01T00:00:00Z',
      '0000-02-29T00:00:00+00:00',
      '10000-01-01T00:00:00Z',
    ],
    ...[
      '+010000-01-01T00:00:00Z',
      '-0001-01-01T00:00:00Z',
      '2026-3-1T10:00:00Z',
      ' 2026-03-01T10:00:00Z',
      '2026-03-01T10:00:00Z\n',
    ],
    ...[
      '2026-03-01T10:00:00.Z',
      '2026-03-01T10:00:00,5Z',
      '2026-03-01T10:00:00.12345Z6Z',
      '2026-03-01T10:00:00.+5Z',
      '٢٠٢٦-03-01T10:00:00Z',
    ],
    ...[
      '2026-03-01T10:00:00.1234567890Z',
      '2026-03-01T10:00:00.1234567890+02:00',
      '2026-03-01T10:00:00+24:00',
      '2026-03-01T10:00:00+02:60',
    ],
    ...['0001-01-01T00:00:00+00:01', '9999-12-31T23:59:59-00:01', 'x'.repeat(100_000)],
  ])('BAD-036, BAD-037: refuses %j', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });

  test('any text is read to the one form, or refused', () => {
    const nearly = fc.stringMatching(/^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d(\.\d{0,10})?(Z|[+-]\d\d:\d\d)?$/);
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (text) => {
        const read = parseInstant(text);
        expect(read === undefined || (read.length === 27 && parseInstant(read) === read)).toBe(true);
        // Where Date refuses a text, so do we (Date accepts more: 24:00:00 and 30 February).
        expect(read !== undefined && Number.isNaN(Date.parse(text))).toBe(false);
      }),
      { numRuns: 5000 },
    );
  });

  test('shift and microsBetween undo each other', () => {
    fc.assert(
      fc.property(instant, instant, (a, b) => {
        expect(shift(a, microsBetween(a, b))).toBe(b);
        expect(microsBetween(a, b)).toBe(-microsBetween(b, a));
      }),
      { numRuns: 1000 },
    );
    expect(shift('2024-02-28T12:00:00.000000Z' as Instant, DAY_MICROS)).toBe('2024-02-29T12:00:00.000000Z');
    expect(shift('2026-03-01T00:00:00.000000Z' as Instant, -HOUR_MICROS)).toBe('2026-02-28T23:00:00.000000Z');
  });

  test('FLT-73: a shift past the years 1 to 9999 is held at their ends', () => {
    expect(shift(NEVER, 1n)).toBe(NEVER);
    expect(shift('2026-01-01T00:00:00.000000Z' as Instant, 10n ** 30n)).toBe(NEVER);
    expect(shift(FIRST, -1n)).toBe(FIRST);
    expect(fromMicros(LAST_MICROS + 1n)).toBeUndefined();
    expect(fromMicros(FIRST_MICROS - 1n)).toBeUndefined();
  });

  test.each(['2026-03-01T10:00:00Z', '2026-03-01T10:00:00.000000+00:00', '2026-03-01T10:00:00.000000z', '', 'never'])(
    'a stored instant spelled %j is a damaged log: reading it throws',
    (text) => {
      expect(() => storedInstant(text)).toThrow(/unreadable/);
    },
  );
});
