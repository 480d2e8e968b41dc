import { drawdown } from '../testing/command-line';
import { ImportScene } from '../testing/import-scene';

const scene = new ImportScene();

/** A server that is there, and answers so to what the demo asks of it first: a test clock. */
const demoAgainst = (status: number, code: string, ...words: string[]) => {
  scene.server.requests = 0;
  scene.server.instead = (request) =>
    request === 1 ? { status: 200 } : { status, body: { code, detail: 'there is no such thing here' } };
  return drawdown(['demo', '--url', scene.server.url, ...words]);
};

test('against a server without test clocks says what it lacks, and how it is started with them', async () => {
  const { code, err } = await demoAgainst(404, 'not_found');
  expect(code).toBe(1);
  expect(err).toContain(`the server at ${scene.server.url} has no test clocks`);
  expect(err).toContain('DRAWDOWN_TEST_CLOCKS=1');
  const { json } = await demoAgainst(404, 'not_found', '--json');
  expect(json()).toMatchObject({ error: { detail: expect.stringContaining('DRAWDOWN_TEST_CLOCKS=1') as string } });
});

test('any other refusal is said as it is', async () => {
  const { code, err } = await demoAgainst(403, 'forbidden');
  expect([code, err]).toEqual([1, expect.stringContaining('forbidden: there is no such thing here')]);
  expect(err).not.toContain('DRAWDOWN_TEST_CLOCKS');
});

test('the help names the setting', async () => {
  expect((await drawdown(['demo', '--help'])).out).toContain('DRAWDOWN_TEST_CLOCKS=1');
});
