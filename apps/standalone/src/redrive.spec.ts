import { ask, eventFor, makeWorld } from './testing/bad-input-world';
import { type EmbeddedServer, openEmbedded } from './testing/embedded';

let server: EmbeddedServer;
beforeAll(async () => {
  server = await openEmbedded();
  await makeWorld(server);
}, 60_000);
afterAll(() => server.close());

const ROUNDS = 10;
const redrive = () => ask(server, 'POST', '/v1/quarantine/redrive', { organization_id: 'late' });

test('usage that came to quarantine a moment ago is driven again when it is asked for, and charged once', async () => {
  await ask(server, 'POST', '/v1/organizations', { id: 'late', name: 'Late', preset: 'enterprise' });
  for (let n = 1; n <= ROUNDS; n++) {
    const event = { ...eventFor('late', `late-${String(n)}`), time: new Date().toISOString() };
    const answer = await ask(server, 'POST', '/v1/events?wait=charged', event);
    expect(answer).toMatchObject({ results: [{ outcome: 'quarantined' }] });
    expect(await redrive()).toMatchObject({ charged: 0, quarantined: n }); // there is no rate card yet
  }
  await ask(server, 'PUT', '/v1/organizations/late/rate-card', { key: 'world-card' });
  expect(await redrive()).toMatchObject({ charged: ROUNDS, duplicate: 0, quarantined: 0 });
  expect(await redrive()).toMatchObject({ charged: 0, duplicate: 0, quarantined: 0 });
});
