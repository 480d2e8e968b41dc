import 'reflect-metadata';
import { startRole, type RoleContext } from './run-role';

const environment = { PORT: '0', DRAWDOWN_LOG_LEVEL: 'silent' };

const probed = async (url: string, path: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(url + path);
  return { status: response.status, text: await response.text() };
};

test('a process without an API answers probes and scrapers, and stops in order', async () => {
  const steps: string[] = [];
  let reason: string | null = 'the broker is away';
  const app = await startRole(
    {
      name: 'relay',
      port: 1,
      settings: {},
      open: async ({ metrics, readiness }: RoleContext) => {
        readiness.register('relay', () => reason);
        metrics.count('relay_published_total', { shard: '0' }, 3);
        return {
          drain: async () => void steps.push('drained'),
          close: async () => void steps.push('closed'),
        };
      },
    },
    environment,
  );
  const url = await app.getUrl();
  expect(await probed(url, '/livez')).toEqual({ status: 200, text: '{"status":"alive"}' });
  expect(await probed(url, '/readyz')).toMatchObject({
    status: 503,
    text: expect.stringContaining('the broker is away') as string,
  });
  reason = null;
  expect((await probed(url, '/readyz')).status).toBe(200);
  expect((await probed(url, '/metrics')).text).toContain('drawdown_relay_published_total{shard="0"} 3');
  await app.close();
  expect(steps).toEqual(['drained', 'closed']);
});

test('what was opened is closed again where the probes cannot listen', async () => {
  const steps: string[] = [];
  const role = {
    name: 'relay',
    port: 1,
    settings: {},
    open: async () => ({
      drain: async () => void steps.push('drained'),
      close: async () => void steps.push('closed'),
    }),
  };
  await expect(startRole(role, { ...environment, HOST: '192.0.2.1' })).rejects.toThrow();
  expect(steps).toEqual(['drained', 'closed']);
});

test.each([{ PORT: '70000' }, { DRAWDOWN_LOG_LEVEL: 'loud' }, { DRAWDOWN_SHARD: '4' }])(
  'refuses %j before anything is opened',
  async (wrong) => {
    const open = () => Promise.reject(new Error('opened'));
    await expect(
      startRole({ name: 'relay', port: 1, settings: {}, open }, { ...environment, ...wrong }),
    ).rejects.toMatchObject({
      code: 'bad_settings',
    });
  },
);
