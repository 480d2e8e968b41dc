declare const unit: unique symbol;

/**
 * A moment, UTC, to the microsecond, as text of fixed width (`2026-03-01T10:00:00.000000Z`): text order is time order,
 * so comparing needs no conversion, and the stored form is the form people read. Years 0001–9999.
 */
export type Instant = string & { readonly [unit]: 'instant' };

export const DAY_MICROS = 86_400_000_000n;
export const HOUR_MICROS = 3_600_000_000n;

/** Later than every instant: what "never" sorts as. */
export const NEVER = '9999-12-31T23:59:59.999999Z' as Instant;

const RFC3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d{2}):(\d{2}))$/;
const CANONICAL_SECONDS = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$/;
const DIGITS = /^\d{1,9}$/;
const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

/**
 * Reads an RFC 3339 time with any offset and up to 9 decimals, converted to UTC and cut (not rounded) to the
 * microsecond; `undefined` for anything else: no zone, a day that does not exist, `24:00:00`, second 60, year 0000,
 * ten decimals, and times that leave the years 0001–9999 once converted.
 */
export const parseInstant = (text: string): Instant | undefined => {
  // The ordinary spelling, already UTC, needs only its fraction brought to six digits.
  if (
    text.endsWith('Z') &&
    text.length <= 30 &&
    !text.startsWith('0000') &&
    CANONICAL_SECONDS.test(text.slice(0, 19))
  ) {
    if (text.length === 27 && text.charCodeAt(19) === 46 && DIGITS.test(text.slice(20, 26))) return text as Instant;
    if (text.length === 20) return `${text.slice(0, 19)}.000000Z` as Instant;
    const fraction = text.slice(20, -1);
    if (text.charCodeAt(19) !== 46 || !DIGITS.test(fraction)) return undefined;
    return `${text.slice(0, 19)}.${fraction.slice(0, 6).padEnd(6, '0')}Z` as Instant;
  }
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, y, mo, d, h, mi, s, fraction = '', , sign, oh = '0', om = '0'] = match;
  const [year, month, day, hour, minute, second] = [y, mo, d, h, mi, s].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const lastDay = month === 2 && isLeap(year) ? 29 : MONTH_DAYS[month - 1];
  if (lastDay === undefined || year < 1 || day < 1 || day > lastDay) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || Number(oh) > 23 || Number(om) > 59) return undefined;
  const offset = (sign === '-' ? -1n : 1n) * BigInt(Number(oh) * 60 + Number(om)) * 60_000_000n;
  const local = BigInt(daysFromCivil(year, month, day)) * DAY_MICROS;
  const clock = BigInt(hour * 3600 + minute * 60 + second) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'));
  return fromMicros(local + clock - offset);
};

/** Reads an instant that the program itself wrote; anything else is a bug or a damaged log, so it throws. */
export const storedInstant = (text: string): Instant => {
  const instant = parseInstant(text);
  if (instant !== text) throw new Error(`stored instant ${JSON.stringify(text)} is unreadable`);
  return instant;
};

/** Microseconds since 1970-01-01T00:00:00Z. */
export const toMicros = (instant: Instant): bigint => {
  const days = daysFromCivil(Number(instant.slice(0, 4)), Number(instant.slice(5, 7)), Number(instant.slice(8, 10)));
  const seconds =
    Number(instant.slice(11, 13)) * 3600 + Number(instant.slice(14, 16)) * 60 + Number(instant.slice(17, 19));
  return BigInt(days) * DAY_MICROS + BigInt(seconds) * 1_000_000n + BigInt(instant.slice(20, 26));
};

const FIRST_MICROS = -62_135_596_800_000_000n; // 0001-01-01
const LAST_MICROS = 253_402_300_799_999_999n; // 9999-12-31T23:59:59.999999Z

/** The instant at so many microseconds since 1970; `undefined` outside the years 0001–9999. */
export const fromMicros = (micros: bigint): Instant | undefined => {
  if (micros < FIRST_MICROS || micros > LAST_MICROS) return undefined;
  let days = micros / DAY_MICROS;
  if (micros < 0n && micros % DAY_MICROS !== 0n) days -= 1n;
  const inDay = micros - days * DAY_MICROS;
  const [year, month, day] = civilFromDays(Number(days));
  const seconds = Number(inDay / 1_000_000n);
  const two = (n: number): string => String(n).padStart(2, '0');
  const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
  const time = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${date}T${time}.${String(inDay % 1_000_000n).padStart(6, '0')}Z` as Instant;
};

/** The instant so many microseconds later (or earlier), held within the years 0001–9999. */
export const shift = (instant: Instant, micros: bigint): Instant => {
  const moved = fromMicros(toMicros(instant) + micros);
  return moved ?? (micros > 0n ? NEVER : ('0001-01-01T00:00:00.000000Z' as Instant));
};

/** Microseconds from `a` to `b`. */
export const microsBetween = (a: Instant, b: Instant): bigint => toMicros(b) - toMicros(a);

export const latest = (a: Instant, b: Instant): Instant => (a < b ? b : a);
export const earliest = (a: Instant, b: Instant): Instant => (a < b ? a : b);

/** Days since 1970-01-01 of a date of the proleptic Gregorian calendar (Howard Hinnant, "chrono-compatible low-level date algorithms"). */
const daysFromCivil = (year: number, month: number, day: number): number => {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
};

const civilFromDays = (days: number): [year: number, month: number, day: number] => {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  const day = dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
};
