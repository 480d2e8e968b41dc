import { ADMIN_KEY, type InMemoryServer, openInMemory } from './testing/in-memory';
import { ask, eventFor, makeWorld } from './testing/bad-input-world';

/**
 * How much longer the worst bodies may hold the event loop than ordinary ones of their kind and size: a factor, because
 * what is measured in milliseconds says more about the machine.
 */
const FACTOR_MAX = 8;
/** The best of so many: a busy machine may stop any process meanwhile. */
const ROUNDS = 2;
/** More are taken while it looks bad. */
const ROUNDS_MAX = 15;

let server: InMemoryServer;
let cards = 0;
beforeAll(async () => {
  server = await openInMemory();
  await makeWorld(server);
});
afterAll(() => server.close());

type Body = readonly [path: string, json: string];

/** The longest time the event loop did not turn while a body was answered. */
const heldBy = async ([url, payload]: Body): Promise<number> => {
  let [last, longest] = [performance.now(), 0];
  const look = (): void => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  };
  const timer = setInterval(look, 1);
  const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
  const { statusCode } = await server.app.inject({ method: 'POST', url, headers, payload });
  look();
  clearInterval(timer);
  expect(statusCode).toBeLessThan(500);
  return longest;
};

const events = (json: string): Body => ['/v1/events', json];
const listOf = (count: number, make: (i: number) => unknown): string => JSON.stringify(Array.from({ length: count }, (_, i) => make(i))); // prettier-ignore
/** A hundred good events, together of so many bytes. */
const ordinaryEvents = (bytes: number): Body => {
  const text = 'x'.repeat(Math.min(60_000, Math.max(1, bytes / 100 - 400)));
  const usage = { provider: 'p', raw: { text } };
  return events(listOf(100, (i) => ({ ...eventFor('world', `o-${String(i)}`), data: { service_type: 'llm_call', usage } }))); // prettier-ignore
};

const newCard = async (): Promise<string> => {
  const key = `card-${String(cards++)}`;
  await ask(server, 'POST', '/v1/rate-cards', { key, name: key, unit: 'credit' });
  return `/v1/rate-cards/${key}/versions`;
};
const price = { type: 'flat_rate', credits_per_unit: '2', unit: 'hours' };
const rates = (make: (i: number) => object, count = 1_000): string =>
  `{"rates":${listOf(count, (i) => ({ service_type: 'compute', price, ...make(i) }))}}`;
const ordinaryRates = rates((i) => ({ service_type: `service-${String(i)}` }));
const many = (count: number, make: (i: number) => unknown): object =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${String(i)}`, make(i)]));

const MEGABYTES_4 = 4 * 1024 * 1024 - 100;

const BAD_EVENTS: readonly (readonly [string, string])[] = [
  ['a text of escaped quotes', `["${'\\"'.repeat(MEGABYTES_4 / 2)}"]`],
  ['events with nearly two hundred unknown fields', listOf(1_000, () => many(190, () => 1))],
];

const BAD_VERSIONS: readonly (readonly [string, string])[] = [
  ['rates of one service, one for each model', rates((i) => ({ model: `m${String(i)}` }))],
  ['rates that agree in all dimensions but the last', rates((i) => ({ dimensions: { ...many(20, () => 'x'), last: String(i) } }))], // prettier-ignore
  ['prices with unknown fields', rates(() => ({ price: { type: 'flat_rate', ...many(30, () => 1) } }))],
];

/** How many times as long the one holds the loop as the other, each at its best, in turns. */
const factor = async (bad: () => Promise<Body>, ordinary: () => Promise<Body>): Promise<number> => {
  let [worst, usual] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS || (round < ROUNDS_MAX && worst / usual > FACTOR_MAX); round++) {
    usual = Math.min(usual, await heldBy(await ordinary()));
    worst = Math.min(worst, await heldBy(await bad()));
  }
  process.stdout.write(`held: ${worst.toFixed(0)} ms, ordinary ${usual.toFixed(0)} ms\n`);
  return worst / usual;
};

test.each(BAD_EVENTS)('BAD-008: %s hold the event loop about as long as a hundred events do', async (_, json) => {
  const ordinary = ordinaryEvents(json.length);
  expect(await factor(async () => events(json), async () => ordinary)).toBeLessThan(FACTOR_MAX); // prettier-ignore
});

test.each(BAD_VERSIONS)(
  'BAD-072: %s hold the event loop about as long as a thousand ordinary rates do',
  async (_, json) => {
    expect(await factor(async () => [await newCard(), json], async () => [await newCard(), ordinaryRates])).toBeLessThan(FACTOR_MAX); // prettier-ignore
  },
);
