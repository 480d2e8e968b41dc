import { type Charge, compilePrice, type CompiledRate, isCompiled, isUnpriced, type SavedRate } from '@drawdown/domain';
import { later, START } from '@drawdown/domain/testing';
import { formatDecimal, type JsonObject, quantity, type Rounding, ROUNDING_MODES, roundCharge } from '@drawdown/kernel';
import fc from 'fast-check';
import { type LedgerWorld, openLedger, recorded, SENDER, used, withOrganization } from './testing';

const DAYS = 30;
const CLASSES = ['input', 'output', 'cache_read'] as const;

const price = fc.bigInt({ min: 0n, max: 5_000_000_000n }).map(formatDecimal);
const prices = fc.record({ input: price, output: price, cache_read: price });
const perToken = fc
  .record({ per: fc.constantFrom('7', '1000', '1000000'), all: prices, above: fc.option(prices) })
  .map(({ per, all, above }): JsonObject => {
    const sizes = above === null ? {} : { by_request_size: [{ above_input_tokens: '500', ...above }] };
    return { type: 'per_token', per, ...all, ...sizes };
  });
const version = fc.record({
  tokens: perToken,
  perUnit: price,
  rounding: fc.record({ scale: fc.constantFrom(0, 2, 9), mode: fc.constantFrom(...ROUNDING_MODES) }),
});
type Version = typeof version extends fc.Arbitrary<infer T> ? T : never;

const event = fc.record({
  at: fc.nat({ max: DAYS * 24 }),
  service: fc.constantFrom('llm_call', 'compute'),
  amounts: fc.tuple(...CLASSES.map(() => fc.bigInt({ min: 0n, max: 900_000_000_000n }))),
});
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

const activate = async (
  { catalogue }: LedgerWorld,
  number: number,
  { tokens, perUnit, rounding }: Version,
  afterDays: number,
): Promise<void> => {
  const rates = [
    { service_type: 'llm_call', price: tokens },
    { service_type: 'compute', price: { type: 'flat_rate', credits_per_unit: perUnit, unit: 'units' } },
  ] as SavedRate[];
  await catalogue.rateCards.saveVersion('card', { rates, rounding: rounding as Rounding, effectiveFrom: null }, SENDER);
  const done = await catalogue.rateCards.activateVersion('card', number, later(START, { days: afterDays }), SENDER);
  if (!done.accepted) throw new Error(JSON.stringify(done));
};

const usageOf = ({ at, service, amounts }: Event, n: number) =>
  used(String(n), '0', {
    time: later(START, { hours: at }),
    serviceType: service,
    quantities:
      service === 'compute'
        ? [['units', quantity(amounts[0] ?? 0n)]]
        : CLASSES.map((name, i) => [`${name}_tokens`, quantity(amounts[i] ?? 0n)] as const),
  });

type Terms = Pick<CompiledRate, 'price' | 'rounding'>;

/** What a charge stores of its arithmetic, from its own usage under a price. */
const ratedBy = ({ price: compiled, rounding }: Terms, { usage }: Charge) => {
  const exact = compiled.price(usage);
  if (isUnpriced(exact)) throw new Error(exact.detail);
  const rounded = roundCharge(exact, rounding);
  const isWhole = exact.numerator === rounded * exact.denominator;
  return { price: rounded, exact: isWhole ? null : `${String(exact.numerator)}/${String(exact.denominator)}` };
};

/** The price and rounding as the charge itself carries them. */
const ownTerms = ({ rate }: Charge): Terms => {
  const compiled = compilePrice(rate.price as JsonObject);
  if (!isCompiled(compiled)) throw new Error(`the price of ${rate.card} in a charge cannot be read`);
  return { price: compiled, rounding: rate.rounding as Rounding };
};

test('INV-LED-11: every charge in the log, rated again by its stored card version, has the same rate, exact amount and price', async () => {
  const met = { exact: 0, rounded: 0 };
  const versions = fc.tuple(version, version, version);
  await fc.assert(
    fc.asyncProperty(versions, fc.array(event, { minLength: 5, maxLength: 25 }), async (all, events) => {
      const world = await openLedger();
      await withOrganization(world, { credits: '1000' });
      for (const [i, each] of all.slice(0, 2).entries()) await activate(world, i + 2, each, 10 * (i + 1));
      world.clock.moveTo(later(START, { days: DAYS }));
      await world.charge(...events.map(usageOf));
      await activate(world, 4, all[2], DAYS + 1); // what comes later changes nothing
      const { catalogue } = await world.again();
      const log = await recorded(world.store);
      const charges = log.flatMap(({ event: { type, data } }) => (type === 'UsageCharged' ? data.charges : []));
      for (const charge of charges) {
        const stored = { price: charge.price, exact: charge.exact };
        const rate = catalogue.rateCards
          .compiled(charge.rate.card)
          ?.version(charge.rate.version)
          ?.rateFor(charge.usage);
        if (rate === undefined || rate === null) throw new Error('the stored card version has no rate for the usage');
        expect(rate.applied).toEqual(charge.rate);
        expect(ratedBy(rate, charge)).toEqual(stored);
        expect(ratedBy(ownTerms(charge), charge)).toEqual(stored);
        if (charge.exact === null) met.exact++;
        else met.rounded++;
      }
    }),
    { numRuns: 20 },
  );
  expect(Object.values(met).every((times) => times > 0)).toBe(true);
});
