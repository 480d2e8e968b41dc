import { LARGEST, type Quantity, quantity, ROUNDING_MODES, roundCharge } from '@drawdown/kernel';
import fc from 'fast-check';
import { explainPrice } from '../metering/explain';
import { card, measured, usage } from '../testing';
import { perToken, TOKEN_CLASSES } from './per-token';
import { type CompiledPrice, isUnpriced } from './price-model';

const compiled = (price: Record<string, unknown>): CompiledPrice => {
  const result = perToken.compile({ type: 'per_token', ...price } as never);
  if (!('price' in result)) throw new Error(JSON.stringify(result));
  return result;
};
const faultsOf = (price: Record<string, unknown>) => {
  const result = perToken.compile({ type: 'per_token', ...price } as never);
  return 'price' in result ? [] : result.map(({ pointer, code }) => `${pointer} ${code}`);
};
const tokens = (quantities: Record<string, string>) =>
  usage('1', {
    quantities: Object.entries(quantities).map(([name, text]): [string, Quantity] => [
      `${name}_tokens`,
      measured(text),
    ]),
  });
const creditsOf = (price: CompiledPrice, quantities: Record<string, string>): string => {
  const exact = price.price(tokens(quantities));
  if (isUnpriced(exact)) return exact.code;
  return `${String(exact.numerator)}/${String(exact.denominator)}`;
};
const exactly = (parts: bigint, denominator = 1n) => ({ numerator: parts, denominator });
/** a = b without dividing. */
const isSame = (
  a: { numerator: bigint; denominator: bigint },
  b: { numerator: bigint; denominator: bigint },
): boolean => a.numerator * b.denominator === b.numerator * a.denominator;

const PRICES = {
  per: '1000000',
  input: '300',
  output: '1500',
  cache_read: '30',
  cache_write: '375',
  reasoning: '1500',
};

describe('per_token', () => {
  test('adds up the disjoint classes of a request, each at its own price', () => {
    const exact = compiled(PRICES).price(
      tokens({ input: '1200', output: '310', cache_read: '800', cache_write: '0', reasoning: '0' }),
    );
    // 1200 × 0.0003 + 310 × 0.0015 + 800 × 0.00003 = 0.36 + 0.465 + 0.024
    expect(isUnpriced(exact) ? exact : isSame(exact, exactly(849_000_000n))).toBe(true);
  });

  test.each([...TOKEN_CLASSES])('FLD-67: %s in use without a price of its own is no_rate, never free', (name) => {
    const { [name]: _, ...others } = Object.fromEntries(TOKEN_CLASSES.map((each) => [each, '1'])) as Record<
      string,
      string
    >;
    expect(creditsOf(compiled(others), { [name]: '0.000000001' })).toBe('no_rate');
    expect(creditsOf(compiled(others), { [name]: '0' })).toBe('0/1');
  });

  test('a price of 0 is a price', () => {
    expect(creditsOf(compiled({ input: '1', cache_read: '0' }), { input: '2', cache_read: '5' })).toBe('2000000000/1');
  });

  test('BAD-011: a quantity that is no token class is no_rate, whatever it is called', () => {
    for (const name of ['pages', 'then', 'constructor', 'input', 'has_own_property']) {
      const exact = compiled(PRICES).price(usage('1', { quantities: [[name, measured('1')]] }));
      expect(exact).toMatchObject({ code: 'no_rate' });
    }
  });

  test('BAD-033: a quantity in a unit is a unit mismatch', () => {
    const exact = compiled(PRICES).price(usage('1', { quantities: [['quantity', measured('1')]], unit: 'hours' }));
    expect(exact).toMatchObject({ code: 'unit_mismatch' });
  });

  test('prices per any number of tokens, exactly', () => {
    expect(creditsOf(compiled({ per: '3', input: '1' }), { input: '1' })).toBe('1000000000/3');
    expect(creditsOf(compiled({ per: '0.5', input: '1' }), { input: '1' })).toBe('2000000000/1');
    expect(creditsOf(compiled({ input: '0.000000001' }), { input: '0.000000001' })).toMatch(/^1\/1000000000$/);
  });

  test('INV-AMT-1, INV-AMT-4: the price is the exact sum of products, rounded once, in every mode', () => {
    const classes = fc.uniqueArray(fc.constantFrom(...TOKEN_CLASSES), { minLength: 1, maxLength: 5 });
    const parts = fc.bigInt({ min: 0n, max: 10_000_000_000_000n });
    const decimal = (value: bigint): string =>
      `${String(value / 1_000_000_000n)}.${String(value % 1_000_000_000n).padStart(9, '0')}`;
    fc.assert(
      fc.property(
        classes,
        fc.array(fc.tuple(parts, parts), { minLength: 5, maxLength: 5 }),
        fc.bigInt({ min: 1n, max: 10n ** 16n }),
        fc.integer({ min: 0, max: 9 }),
        fc.constantFrom(...ROUNDING_MODES),
        (names, values, per, scale, mode) => {
          const prices = Object.fromEntries(names.map((name, i) => [name, decimal(values[i]?.[0] ?? 0n)]));
          const used = names.map((name, i): [string, Quantity] => [`${name}_tokens`, quantity(values[i]?.[1] ?? 0n)]);
          const exact = compiled({ per: decimal(per), ...prices }).price(usage('1', { quantities: used }));
          if (isUnpriced(exact)) throw new Error(exact.code);
          const products = names.reduce((sum, _, i) => sum + (values[i]?.[0] ?? 0n) * (values[i]?.[1] ?? 0n), 0n);
          expect(isSame(exact, { numerator: products, denominator: per })).toBe(true);
          // The rounded price in units of the scale: how far is it from products ÷ per?
          const unit = 10n ** BigInt(9 - scale);
          const rounded = roundCharge(exact, { scale, mode });
          expect(rounded % unit).toBe(0n);
          const off = rounded * per - products; // in 1/per parts; never negative amounts here
          const [two, whole] = [2n * off, unit * per];
          if (mode === 'up') expect(off >= 0n && off < whole).toBe(true);
          if (mode === 'down') expect(off <= 0n && -off < whole).toBe(true);
          if (mode === 'half_up') expect(two <= whole && -two < whole).toBe(true);
          if (mode === 'half_even') {
            expect(two <= whole && -two <= whole).toBe(true);
            if (two === whole || -two === whole) expect((rounded / unit) % 2n).toBe(0n);
          }
        },
      ),
      { numRuns: 400 },
    );
  });

  test('INV-AMT-3: holds the largest quantities at the largest prices', () => {
    const largest = '900000000000000000';
    const exact = compiled({ input: largest, per: '0.000000001' }).price(tokens({ input: largest }));
    expect(isUnpriced(exact) ? exact : isSame(exact, { numerator: LARGEST * LARGEST, denominator: 1n })).toBe(true);
  });
});

describe('per_token by_request_size', () => {
  const price = compiled({
    ...PRICES,
    by_request_size: [
      { above_input_tokens: '200000', input: '600', output: '2250' },
      { above_input_tokens: '1000', output: '1600' },
    ],
  });

  test('takes the prices of the highest size that is exceeded, for the whole request', () => {
    expect(creditsOf(price, { input: '1000', output: '1000000' })).toBe(
      creditsOf(compiled(PRICES), { input: '1000', output: '1000000' }),
    );
    expect(creditsOf(price, { input: '1001' })).toBe(creditsOf(compiled(PRICES), { input: '1001' }));
    expect(creditsOf(price, { input: '1000.000000001', output: '1000000' })).not.toBe(
      creditsOf(compiled(PRICES), { input: '1000.000000001', output: '1000000' }),
    );
    const exact = price.price(tokens({ input: '200001', output: '1000000' }));
    expect(isUnpriced(exact) ? exact : isSame(exact, exactly(120_000_600_000n + 2_250_000_000_000n))).toBe(true);
  });

  test('counts everything that was sent: cached, written and heard as well, but not what came back', () => {
    const output = { output: '1000000' };
    const raised = price.price(tokens({ cache_read: '500', cache_write: '300', input: '201', ...output }));
    const plain = price.price(
      tokens({ cache_read: '500', cache_write: '300', input: '200', reasoning: '99999', ...output }),
    );
    if (isUnpriced(raised) || isUnpriced(plain)) throw new Error('unpriced');
    expect(isSame(raised, exactly(1_600_000_000_000n + 15_000_000n + 112_500_000n + 60_300_000n))).toBe(true);
    expect(
      isSame(plain, exactly(1_500_000_000_000n + 15_000_000n + 112_500_000n + 60_000_000n + 149_998_500_000n)),
    ).toBe(true);
  });

  test('a class priced only above a size has no price below it', () => {
    const tiered = compiled({ input: '1', by_request_size: [{ above_input_tokens: '10', audio_input: '5' }] });
    expect(creditsOf(tiered, { input: '1', audio_input: '1' })).toBe('no_rate');
    expect(creditsOf(tiered, { input: '10', audio_input: '1' })).toBe('15000000000/1');
  });
});

describe('a per_token price is refused', () => {
  test.each([
    ['without any class', { per: '1' }, [' invalid_rate']],
    ['per 0', { per: '0', input: '1' }, ['/per invalid_rate']],
    ['with a negative price', { input: '-1' }, ['/input invalid_rate']],
    ['with a number', { input: 1 }, ['/input amount_must_be_string']],
    [
      'with a class whose name is long, which is cut',
      { input: '1', ['a/'.repeat(50)]: '1' },
      [`/${'a~1'.repeat(32)} unknown_field`],
    ],
    ['with a class that is none', { input: '1', thoughts: '1' }, ['/thoughts unknown_field']],
    ['with sizes that are no list', { input: '1', by_request_size: {} }, ['/by_request_size invalid_rate']],
    ['with a size that is no object', { input: '1', by_request_size: ['1'] }, ['/by_request_size/0 invalid_rate']],
    [
      'with a size without its limit',
      { input: '1', by_request_size: [{ input: '2' }] },
      ['/by_request_size/0/above_input_tokens missing_field'],
    ],
    [
      'with a fault in a size',
      { input: '1', by_request_size: [{ above_input_tokens: '1', input: 'x' }] },
      ['/by_request_size/0/input invalid_amount'],
    ],
    [
      'with 1,001 sizes',
      { input: '1', by_request_size: Array.from({ length: 1_001 }, (_, i) => ({ above_input_tokens: String(i) })) },
      ['/by_request_size invalid_rate'],
    ],
    [
      'with one size twice',
      {
        input: '1',
        by_request_size: [
          { above_input_tokens: '1', input: '2' },
          { above_input_tokens: '1.0', input: '3' },
        ],
      },
      ['/by_request_size invalid_rate'],
    ],
  ])('%s', (_, price, expected) => {
    expect(faultsOf(price)).toEqual(expected);
  });
});

test('BAD-031: the explanation shows every line, and the amount before rounding', () => {
  const rates = card([{ service_type: 'llm_call', price: { type: 'per_token', ...PRICES } }], {
    rounding: { scale: 2, mode: 'half_up' },
  });
  const of = tokens({ input: '10', output: '3' });
  const rate = rates.rateFor(of);
  if ('code' in rate) throw new Error(rate.code);
  expect(explainPrice(of, rate)).toMatchObject({
    credits: 10_000_000n,
    document: {
      credits: '0.01',
      quantities: { input_tokens: '10', output_tokens: '3' },
      rate_card_version: 1,
      lines: [
        { rate: 'input_tokens', quantity: '10', unit_price: '300 per 1000000', amount: '0.003' },
        { rate: 'output_tokens', quantity: '3', unit_price: '1500 per 1000000', amount: '0.0045' },
      ],
      rounding: { scale: 2, mode: 'half_up' },
    },
  });
  expect(explainPrice(tokens({ audio_input: '1' }), rate)).toMatchObject({ code: 'no_rate' });
});
