import { Type } from '@sinclair/typebox';
import { ApiProblem, shapeOf } from '../api/client';
import { UsageError } from '../usage-error';
import { type Customer, CUSTOMERS, MODELS, OTHER_RATES } from './company';
import type { PatientClient } from './patient-client';

const Anything = shapeOf(Type.Object({}));
const Clock = shapeOf(Type.Object({ id: Type.String() }));
const HOUR_MS = 3_600_000;

/** Where a demo takes place. */
export interface Stage {
  readonly day: string;
  readonly clock: string;
  readonly rateCard: string;
  /** The organization of a customer: installations that have seen demos before have others of the same name. */
  readonly organization: (customer: string) => string;
}

/** The instant so many hours after a day began. */
export const hourOf = (day: string, hours: number): string =>
  new Date(Date.parse(`${day}T00:00:00Z`) + hours * HOUR_MS).toISOString();

/** Makes the customers with their credits and prices, on a clock that stands at the beginning of the day. */
export const setStage = async (client: PatientClient, day: string, prefix: string): Promise<Stage> => {
  const rateCard = `${prefix}agents`;
  const now = hourOf(day, 0);
  const clock = await addClock(client, now);
  const rates = [
    ...MODELS.map(({ name, price }) => ({ service_type: 'llm_call', model: name, price })),
    ...OTHER_RATES,
  ];
  await client.send('POST', '/v1/rate-cards', Anything, { key: rateCard, name: 'Agents', unit: 'credit' });
  const path = `/v1/rate-cards/${rateCard}/versions`;
  await client.send('POST', path, Anything, { rates, rounding: { scale: 6, mode: 'half_up' } });
  await client.send('POST', `${path}/1/activate`, Anything, { effective_from: now });
  const stage = { day, clock, rateCard, organization: (customer: string) => prefix + customer };
  for (const customer of CUSTOMERS) await addCustomer(client, stage, customer);
  return stage;
};

const addClock = async (client: PatientClient, now: string): Promise<string> => {
  try {
    return (await client.send('POST', '/v1/test-clocks', Clock, { now })).id;
  } catch (error) {
    // Where they are off, the server has no such path: that alone would tell nobody what to change.
    if (!(error instanceof ApiProblem) || error.code !== 'not_found') throw error;
    throw new UsageError(
      `the server at ${client.url} has no test clocks, and the demo lives on one: start it with DRAWDOWN_TEST_CLOCKS=1 ` +
        '(without it, NODE_ENV=production has none)',
    );
  }
};

const addCustomer = async (client: PatientClient, stage: Stage, customer: Customer): Promise<void> => {
  const { day, clock, rateCard, organization } = stage;
  const id = organization(customer.id);
  const made = { id, name: customer.name, preset: 'enterprise', test_clock: clock };
  await client.send('POST', '/v1/organizations', Anything, made);
  const path = `/v1/organizations/${id}`;
  await client.send('PUT', `${path}/rate-card`, Anything, { key: rateCard });
  const policy = { low_balance_threshold: customer.threshold };
  await client.send('PATCH', `${path}/wallets/credits`, Anything, policy);
  for (const { expiresAfterHours: hours, ...lot } of customer.lots) {
    const expires_at = hours === undefined ? null : hourOf(day, hours);
    await client.send('POST', `${path}/wallets/credits/grants`, Anything, { ...lot, expires_at });
  }
};

/** The last instant of the hour before the one given: the day's end still belongs to the day. */
export const endOfHour = (day: string, hour: number): string =>
  new Date(Date.parse(hourOf(day, hour)) - 1).toISOString();

export const moveClock = async (client: PatientClient, stage: Stage, hour: number): Promise<void> => {
  await client.send('POST', `/v1/test-clocks/${stage.clock}/advance`, Anything, { to: endOfHour(stage.day, hour) });
};
