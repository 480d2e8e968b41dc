import fc from 'fast-check';
import type { SavedRate } from '../events';
import { applied, card as cardOf, emptyCard, usage } from '../testing';
import { ambiguities, matches, specificity } from './matching';
import { saveVersion } from './rate-card';

const price = { type: 'flat_rate', credits_per_unit: '1', unit: 'units' };
const rate = (conditions: Omit<SavedRate, 'price' | 'service_type'>, serviceType = 'llm_call'): SavedRate => ({
  service_type: serviceType,
  price,
  ...conditions,
});

const some = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const rates = fc
  .record({
    service_type: fc.constantFrom('llm_call', 'email'),
    model: some(fc.constantFrom('a', 'b')),
    resource_type: some(fc.constantFrom('agent', 'machine')),
    dimensions: some(fc.dictionary(fc.constantFrom('region', 'tier'), fc.constantFrom('x', 'y'), { maxKeys: 2 })),
  })
  .map(
    (fields) =>
      ({
        ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
        price,
      }) as unknown as SavedRate,
  );
const usages = fc.record({
  serviceType: fc.constantFrom('llm_call', 'email'),
  model: fc.constantFrom('a', 'b', null),
  resourceType: fc.constantFrom('agent', 'machine', null),
  dimensions: fc.constantFrom(null, { region: 'x' }, { region: 'y', tier: 'x' }, { region: 'x', tier: 'y' }),
});

describe('matching a rate', () => {
  test.each([
    [rate({}), true],
    [rate({}, 'email'), false],
    [rate({ model: 'a' }), true],
    [rate({ model: 'b' }), false],
    [rate({ resource_type: 'agent' }), true],
    [rate({ resource_type: 'machine' }), false],
    [rate({ dimensions: { region: 'eu' } }), true],
    [rate({ dimensions: { region: 'us' } }), false],
    [rate({ dimensions: { constructor: 'eu' } }), false],
    [rate({ model: 'a', resource_type: 'agent', dimensions: { region: 'eu' } }), true],
  ])('%j', (saved, expected) => {
    const of = { serviceType: 'llm_call', model: 'a', resourceType: 'agent', dimensions: { region: 'eu', other: '1' } };
    expect(matches(saved, of)).toBe(expected);
  });

  test('the most specific rate wins, wherever it stands', () => {
    const list = [rate({}), rate({ model: 'a', resource_type: 'agent' }), rate({ model: 'a' })];
    const found = cardOf(list).rateFor(usage('1', { model: 'a', resourceType: 'agent' }));
    expect('code' in found ? found.code : found.applied.index).toBe(1);
    const less = cardOf(list).rateFor(usage('1', { model: 'a' }));
    expect('code' in less ? less.code : less.applied.index).toBe(2);
  });

  test('BAD-072: two rates are ambiguous exactly if a usage exists that both match and neither is more specific', () => {
    fc.assert(
      fc.property(fc.array(rates, { minLength: 2, maxLength: 5 }), usages, (list, of) => {
        const found = new Set([...ambiguities(list)].map(([a, b]) => `${String(a)},${String(b)}`));
        for (const [a, first] of list.entries()) {
          for (const [b, second] of list.entries()) {
            if (b <= a || specificity(first) !== specificity(second)) continue;
            if (matches(first, of) && matches(second, of)) expect(found).toContain(`${String(a)},${String(b)}`);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('BAD-072: rates that exclude each other are not ambiguous', () => {
    expect([...ambiguities([rate({ model: 'a' }), rate({ model: 'b' })])]).toEqual([]);
    expect([...ambiguities([rate({ model: 'a' }), rate({})])]).toEqual([]);
    expect([...ambiguities([rate({ model: 'a' }), rate({ model: 'a' }, 'email')])]).toEqual([]);
    expect([...ambiguities([rate({ model: 'a' }), rate({ resource_type: 'agent' })])]).toEqual([[0, 1]]);
    expect([...ambiguities([rate({ dimensions: { model: 'a' } }), rate({ model: 'b' })])]).toEqual([[0, 1]]);
  });

  test('a card finds for any usage what a search over all its rates finds, the first and the second time', () => {
    fc.assert(
      fc.property(fc.array(rates, { maxLength: 6 }), fc.array(usages, { maxLength: 4 }), (list, some) => {
        fc.pre([...ambiguities(list)].length === 0);
        const card = cardOf(list);
        for (const of of [...some, ...some]) {
          const candidates = list.filter((each) => matches(each, of));
          const best = candidates.toSorted((a, b) => specificity(b) - specificity(a))[0];
          const found = card.rateFor(usage('1', of));
          expect('code' in found ? found.code : found.saved).toBe(best ?? 'no_rate');
        }
      }),
      { numRuns: 200 },
    );
  });

  test('a look-up remembered for one model does not answer for another', () => {
    const card = cardOf([rate({ model: 'a', resource_type: 'agent' }), rate({ model: 'a' })]);
    const index = (resourceType: string | null, model: string | null): number | string => {
      const found = card.rateFor(usage('1', { model, resourceType }));
      return 'code' in found ? found.code : found.applied.index;
    };
    expect([index('agent', 'a'), index(null, 'a'), index('agent', null), index('agent', 'a')]).toEqual([
      0,
      1,
      'no_rate',
      0,
    ]);
  });

  test.each(['null', 'undefined'])('what is called “%s” is not what was left out', (name) => {
    const index = (card: ReturnType<typeof cardOf>, named: Parameters<typeof usage>[1]): number | string => {
      const found = card.rateFor(usage('1', named));
      return 'code' in found ? found.code : found.applied.index;
    };
    const byModel = cardOf([rate({ model: name }), rate({})]);
    expect([index(byModel, {}), index(byModel, { model: name }), index(byModel, {})]).toEqual([1, 0, 1]);
    const byType = cardOf([rate({ resource_type: name }), rate({})]);
    expect([index(byType, {}), index(byType, { resourceType: name }), index(byType, {})]).toEqual([1, 0, 1]);
  });

  test('memory of look-ups is bounded: callers choose the models they name', () => {
    const version = cardOf([rate({})]).versionAt(usage('1').time);
    for (let n = 0; n < 25_000; n++) version?.rateFor({ ...usage('1'), model: `model-${String(n)}` });
    const { byService } = version as unknown as { byService: Map<string, { remembered: Map<string, unknown> }> };
    for (const { remembered } of byService.values()) expect(remembered.size).toBeLessThanOrEqual(10_000);
  });

  test('a saved version with an ambiguity never comes to be', () => {
    fc.assert(
      fc.property(fc.array(rates, { maxLength: 5 }), (list) => {
        const card = emptyCard();
        const decision = saveVersion(card, { rates: list, rounding: null, effectiveFrom: null });
        expect(decision.accepted).toBe([...ambiguities(list)].length === 0);
        if (decision.accepted) expect(applied(card, decision).versions).toHaveLength(1);
      }),
      { numRuns: 60 },
    );
  });
});

test('FLD-62: which rate a model gets is looked for once; the look-ups after it remember', () => {
  const all = cardOf(['a', 'b', 'c'].map((model) => rate({ model })));
  const version = all.version(1);
  const rates = (version as unknown as { readonly byService: ReadonlyMap<string, object> }).byService.get('llm_call');
  if (version === undefined || rates === undefined) throw new Error('no rates');
  const find = jest.spyOn(rates as { find: () => unknown }, 'find');
  const models = ['a', 'b', 'c', 'unknown'];
  for (let n = 0; n < 400; n++) version.rateFor(usage('1', { model: models[n % models.length] ?? null }));
  expect(find).toHaveBeenCalledTimes(models.length);
});
