import { ACCEPTED_AGE_DAYS, ACCEPTED_LEAD_MICROS, type QuarantineCode } from '@drawdown/domain';
import type { Tally } from './tally';

const MICROS_PER_MINUTE = 60_000_000n;
const AGE = `${String(ACCEPTED_AGE_DAYS)} days`;
const LEAD = `${String(ACCEPTED_LEAD_MICROS / MICROS_PER_MINUTE)} minutes`;

/** Which times of usage are charged. */
export const TIME_LIMITS = `not before its organization was made, at most ${AGE} back, at most ${LEAD} ahead`;

/** Where older usage belongs. */
export const HISTORY = `History belongs into an organization on a test clock (DRAWDOWN_TEST_CLOCKS=1): POST /v1/test-clocks with a time before the
first line, make the organization with test_clock, activate a rate card from then on, move the clock to the last line
(at most ${AGE} at a time), and import.`;

const FIX_THE_CARD = 'Quarantined usage is kept and not charged: fix the rate card, then POST /v1/quarantine/redrive.';

/** What helps where the time is the reason, which no rate card does. */
const OF_TIMES = {
  before_organization: 'before_organization: older than its organization; it can never be redriven.',
  event_too_old: `event_too_old: was older than ${AGE}; POST /v1/quarantine/redrive charges it, being not asked for its age.`,
  event_in_future: `event_in_future: was more than ${LEAD} ahead; POST /v1/quarantine/redrive once its time has come.`,
} as const satisfies Partial<Record<QuarantineCode, string>>;

/** What to do about the quarantined lines of an import, line by line, by the codes that came. */
export const quarantineHints = ({ quarantined, quarantine_codes: codes = {} }: Tally): readonly string[] => {
  const times = (Object.keys(OF_TIMES) as (keyof typeof OF_TIMES)[]).filter((code) => (codes[code] ?? 0) > 0);
  const ofTimes = times.reduce((sum, code) => sum + (codes[code] ?? 0), 0);
  const hints = quarantined > ofTimes ? [FIX_THE_CARD] : [];
  if (times.length === 0) return hints;
  hints.push(`Quarantined for its time is usage that is kept and not charged; a time has to be`, `${TIME_LIMITS}.`);
  hints.push(...times.map((code) => `  ${OF_TIMES[code]}`));
  if (times.some((code) => code !== 'event_in_future')) hints.push(HISTORY);
  return hints;
};
