import type { Instant } from '@drawdown/kernel';
import fc from 'fast-check';
import type { SavedRate } from '../events';
import { applied, emptyCard, flatRate, instant, later, START, usage, withVersion } from '../testing';
import { CompiledCard } from './compiled-card';
import {
  activateVersion,
  createRateCard,
  type RateCard,
  rateCardVersionView,
  rateCardView,
  saveVersion,
} from './rate-card';

const saved = (card: RateCard, rates: readonly SavedRate[], effectiveFrom: Instant | null = null): RateCard =>
  applied(card, saveVersion(card, { rates, rounding: null, effectiveFrom }));
const activated = (
  card: RateCard,
  version: number,
  from: Instant | null,
  lastPriced: Instant | null = null,
): RateCard => applied(card, activateVersion(card, version, from, START, lastPriced));

const [march, april, may] = [instant('2026-03-01'), instant('2026-04-01'), instant('2026-05-01')];
const one = flatRate('llm_call', '1');
const two = flatRate('llm_call', '2');

const priceAt = (card: RateCard, time: Instant): string => {
  const rate = new CompiledCard(card).rateFor(usage('1', { time }));
  return 'code' in rate ? rate.code : String(rate.applied.version);
};

describe('a rate card', () => {
  test('is created once', () => {
    const data = { key: 'card', name: 'Card', unit: 'credit', organizationId: null };
    const card = applied(undefined, createRateCard(undefined, data));
    expect(createRateCard(card, data)).toMatchObject({ refusal: { code: 'already_exists', pointer: '/key' } });
    expect(rateCardView(card)).toEqual({
      key: 'card',
      name: 'Card',
      unit: 'credit',
      organization_id: null,
      versions: [],
    });
  });

  test('saves versions as drafts, which price nothing', () => {
    const card = saved(emptyCard(), [one], march);
    expect(card.versions).toMatchObject([{ version: 1, state: 'draft', effectiveFrom: march, effectiveUntil: null }]);
    expect(priceAt(card, april)).toBe('no_rate_card');
    expect(new CompiledCard(card).version(1)?.rateFor(usage('1'))).not.toBeNull();
  });

  test('is made ready again only where it changed: saving a version costs the same however many are there', () => {
    const card = withVersion(emptyCard(), [one], march);
    const before = new CompiledCard(card);
    const after = new CompiledCard(saved(card, [two]), before);
    expect(after.version(1)).toBe(before.version(1));
    const ended = new CompiledCard(withVersion(card, [two], april), before);
    expect(ended.version(1)?.until).toBe(april);
  });

  test('INV-TIM-5, INV-TIM-10: versions are half-open and touch without overlap or gap', () => {
    const card = withVersion(withVersion(emptyCard(), [one], march), [two], april);
    expect(card.versions).toMatchObject([
      { version: 1, state: 'active', effectiveFrom: march, effectiveUntil: april },
      { version: 2, state: 'active', effectiveFrom: april, effectiveUntil: null },
    ]);
    expect(priceAt(card, later(march, { micros: -1 }))).toBe('no_rate_card');
    expect(priceAt(card, march)).toBe('1');
    expect(priceAt(card, later(april, { micros: -1 }))).toBe('1');
    expect(priceAt(card, april)).toBe('2');
    expect(priceAt(card, instant('9999-01-01'))).toBe('2');
  });

  test('takes the instant saved with a version where its activation names none, else the present', () => {
    expect(activated(saved(emptyCard(), [one], april), 1, null).versions[0]?.effectiveFrom).toBe(april);
    expect(activated(saved(emptyCard(), [one], april), 1, may).versions[0]?.effectiveFrom).toBe(may);
    expect(activated(saved(emptyCard(), [one]), 1, null).versions[0]?.effectiveFrom).toBe(START);
  });

  test('BAD-070: activates a version once', () => {
    const card = withVersion(emptyCard(), [one], march);
    expect(activateVersion(card, 1, april, START, null)).toMatchObject({ refusal: { code: 'version_immutable' } });
    expect(activateVersion(card, 2, april, START, null)).toMatchObject({ refusal: { code: 'not_found' } });
    expect(activateVersion(card, 0, april, START, null)).toMatchObject({ refusal: { code: 'not_found' } });
  });

  test('BAD-070, INV-TIM-10: refuses to begin at or before the version in force, or what that has priced', () => {
    const card = saved(withVersion(emptyCard(), [one], march), [two]);
    const refusal = { refusal: { code: 'invalid_interval', pointer: '/effective_from' } };
    expect(activateVersion(card, 2, march, START, null)).toMatchObject(refusal);
    expect(activateVersion(card, 2, later(march, { micros: -1 }), START, null)).toMatchObject(refusal);
    expect(activateVersion(card, 2, april, START, april)).toMatchObject(refusal);
    expect(activateVersion(card, 2, april, START, later(april, { micros: 1 }))).toMatchObject(refusal);
    expect(activateVersion(card, 2, april, START, later(april, { micros: -1 }))).toMatchObject({ accepted: true });
    expect(activateVersion(card, 2, later(march, { micros: 1 }), START, null)).toMatchObject({ accepted: true });
  });

  test('BAD-032: where a price is missing before what a version has priced, the refusal says how to give it', () => {
    const card = saved(withVersion(emptyCard(), [one], march), [one, flatRate('new')]);
    const detail = (from: Instant, lastPriced: Instant | null): string => {
      const decision = activateVersion(card, 2, from, START, lastPriced);
      return decision.accepted ? 'accepted' : decision.refusal.detail;
    };
    expect(detail(later(march, { days: 9 }), april)).toMatch(new RegExp(`must be after ${april}.*by another card`));
    expect(detail(march, null)).not.toMatch('another card');
  });

  test('INV-TIM-10: drafts activated out of their order still close the version in force', () => {
    let card = saved(saved(saved(emptyCard(), [one]), [two]), [one]);
    card = activated(card, 3, march);
    card = activated(card, 1, april);
    expect(activateVersion(card, 2, later(march, { days: 1 }), START, null)).toMatchObject({
      refusal: { code: 'invalid_interval' },
    });
    card = activated(card, 2, may);
    expect(card.versions.map(({ effectiveFrom, effectiveUntil }) => [effectiveFrom, effectiveUntil])).toEqual([
      [april, may],
      [may, null],
      [march, april],
    ]);
    expect([march, april, may].map((time) => priceAt(card, time))).toEqual(['3', '1', '2']);
  });

  test('INV-TIM-10: whatever is activated, in any order: no two intervals overlap, and none is changed but by its end', () => {
    const attempt = fc.record({ version: fc.integer({ min: 1, max: 4 }), day: fc.integer({ min: 0, max: 9 }) });
    fc.assert(
      fc.property(fc.array(attempt, { maxLength: 10 }), (attempts) => {
        let card = [one, two, one, two].reduce((all, rate) => saved(all, [rate]), emptyCard());
        for (const { version, day } of attempts) {
          const decision = activateVersion(card, version, later(march, { days: day }), START, null);
          if (decision.accepted) card = applied(card, decision);
        }
        for (let day = -1; day < 11; day++) {
          const time = later(march, { days: day });
          const inForce = card.versions.filter(
            ({ state, effectiveFrom, effectiveUntil }) =>
              state === 'active' &&
              effectiveFrom !== null &&
              effectiveFrom <= time &&
              (effectiveUntil === null || time < effectiveUntil),
          );
          expect(inForce.length).toBeLessThanOrEqual(1);
          expect(priceAt(card, time)).toBe(inForce[0] === undefined ? 'no_rate_card' : String(inForce[0].version));
        }
        const starts = card.versions.filter(({ state }) => state === 'active').map((version) => version.effectiveFrom);
        expect(
          card.versions.filter(({ state, effectiveUntil }) => state === 'active' && effectiveUntil === null),
        ).toHaveLength(starts.length === 0 ? 0 : 1);
      }),
      { numRuns: 100 },
    );
  });

  test('INV-TIM-10: a version’s prices stay as they were saved', () => {
    const card = withVersion(emptyCard(), [one], march);
    const view = structuredClone(rateCardVersionView(card.versions[0] ?? (undefined as never)));
    const after = withVersion(card, [two], april);
    expect(rateCardVersionView(after.versions[0] ?? (undefined as never))).toEqual({ ...view, effective_until: april });
    expect(card.versions[0]?.effectiveUntil).toBeNull(); // the old object is as it was
  });
});

describe('saving a version is refused', () => {
  const refusal = (rates: readonly SavedRate[]) =>
    saveVersion(emptyCard(), { rates, rounding: null, effectiveFrom: null });

  test('BAD-071: with a price that cannot be, pointing at it', () => {
    const price = { type: 'flat_rate', credits_per_unit: '-200', unit: 'hours' };
    expect(refusal([one, { service_type: 'compute', price }])).toMatchObject({
      refusal: { code: 'invalid_rate', pointer: '/rates/1/price/credits_per_unit', more: { fault: 'invalid_rate' } },
    });
  });

  test.each([
    ['an unknown type', { type: 'guess' }, '/type', 'invalid_rate'],
    [
      'a number',
      { type: 'flat_rate', credits_per_unit: 15, unit: 'hours' },
      '/credits_per_unit',
      'amount_must_be_string',
    ],
    [
      'an exponent',
      { type: 'flat_rate', credits_per_unit: '1e9', unit: 'hours' },
      '/credits_per_unit',
      'invalid_amount',
    ],
    [
      'ten decimals',
      { type: 'flat_rate', credits_per_unit: '0.0000000001', unit: 'h' },
      '/credits_per_unit',
      'amount_too_precise',
    ],
    [
      'a field that is none',
      { type: 'flat_rate', credits_per_unit: '1', unit: 'h', factor: '2' },
      '/factor',
      'unknown_field',
    ],
    ['no price', { type: 'flat_rate', unit: 'h' }, '/credits_per_unit', 'missing_field'],
    ['no unit', { type: 'flat_rate', credits_per_unit: '1' }, '/unit', 'missing_field'],
    [
      'an inherited field',
      Object.create({ credits_per_unit: '1', unit: 'h' }, { type: { value: 'flat_rate', enumerable: true } }),
      '/credits_per_unit',
      'missing_field',
    ],
  ] as [string, SavedRate['price'], string, string][])('BAD-071: with %s', (_, price, pointer, fault) => {
    expect(refusal([{ service_type: 'compute', price }])).toMatchObject({
      refusal: { code: 'invalid_rate', pointer: `/rates/0/price${pointer}`, more: { fault } },
    });
  });

  test.each([-1, 10, 1.5, Number.NaN])('with a rounding scale of %d', (scale) => {
    const decision = saveVersion(emptyCard(), { rates: [one], rounding: { scale, mode: 'up' }, effectiveFrom: null });
    expect(decision).toMatchObject({ refusal: { code: 'invalid_value', pointer: '/rounding/scale' } });
  });

  test('BAD-072: with two rates equally specific for one usage, pointing at both', () => {
    expect(refusal([one, flatRate('email'), two])).toMatchObject({
      refusal: { code: 'ambiguous_rate', pointers: ['/rates/0', '/rates/2'] },
    });
  });
});
