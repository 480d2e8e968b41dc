import { Readiness } from './readiness';
import { openWaitingRoom, type WaitingRoom } from './waiting-room';

const readiness = new Readiness();
let room: WaitingRoom;
beforeAll(async () => {
  readiness.register('event_store', () => 'it is away');
  room = await openWaitingRoom('127.0.0.1', 0, readiness);
});

const asked = async (path: string, init: RequestInit = {}) => {
  const response = await fetch(`http://127.0.0.1:${String(room.port)}${path}`, init);
  return {
    status: response.status,
    retry: response.headers.get('retry-after'),
    body: (await response.json()) as unknown,
  };
};

test('a process that waits for what it needs lives, is not ready, and says why', async () => {
  expect(await asked('/livez')).toMatchObject({ status: 200, body: { status: 'alive' } });
  expect(await asked('/readyz')).toMatchObject({
    status: 503,
    body: { status: 'not_ready', checks: { event_store: { ok: false, reason: 'it is away' } } },
  });
});

test.each(['GET', 'POST'])('a %s request is told to come again, never that there is nothing', async (method) => {
  const body = method === 'POST' ? { body: 'x'.repeat(2_000_000) } : {};
  expect(await asked('/v1/events', { method, ...body })).toMatchObject({
    ...{ status: 503, retry: '1' },
    body: { code: 'unavailable', status: 503 },
  });
});

test('closed, it frees its port at once, whoever is connected', async () => {
  await asked('/livez'); // whose connection is kept
  await room.close();
  const next = await openWaitingRoom('127.0.0.1', room.port, readiness);
  await next.close();
});
