import { getEventListeners } from 'node:events';
import timers from 'node:timers/promises';
import 'reflect-metadata';
import { type Role, type RoleContext, startRole } from './run-role';

const environment = { PORT: '0', DRAWDOWN_LOG_LEVEL: 'silent' };

const probed = async (url: string, path: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(url + path);
  return { status: response.status, text: await response.text() };
};

test('a process without an API answers probes and scrapers, and stops in order', async () => {
  const steps: string[] = [];
  let reason: string | null = 'the broker is away';
  const { app, opened } = await startRole(
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
  await opened;
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

test('FLT-09: a stop that leaves something in hand since a server is away is not reported as finished', async () => {
  // A stop waits for it for 8.5 s, here for none; what else waits in this process goes on waiting.
  const real = timers.setTimeout;
  const waits = jest
    .spyOn(timers, 'setTimeout')
    .mockImplementation((ms, value, options) => real(ms === 8_500 ? 0 : ms, value, options));
  const steps: string[] = [];
  const gauges: string[] = [];
  const { app, opened } = await startRole(
    {
      name: 'relay',
      port: 1,
      settings: {},
      open: async ({ metrics }: RoleContext) => {
        jest.spyOn(metrics, 'gauge').mockImplementation((name) => void gauges.push(name));
        return {
          drain: () => new Promise<never>(() => undefined),
          close: async () => void steps.push('closed'),
        };
      },
    },
    environment,
  );
  await opened;
  await app.close().finally(() => waits.mockRestore());
  expect(steps).toEqual(['closed']);
  expect(gauges).not.toContain('shutdown_seconds');
});

test('nothing is opened where the probes cannot listen', async () => {
  const open = () => Promise.reject(new Error('opened'));
  const role = { name: 'relay', port: 1, settings: {}, open };
  await expect(startRole(role, { ...environment, HOST: '192.0.2.1' })).rejects.toThrow('set HOST');
});

describe('a server that is away at the start', () => {
  const gone = Object.assign(new Error('nobody listens there'), { code: 'store_unavailable' });
  const away = () => Promise.reject(gone);
  const roleThat = (open: Role['open']): Role => ({ name: 'relay', port: 1, settings: {}, open });
  const nothing = async (): Promise<void> => undefined;

  test('is named at /readyz and waited for, while the other probes answer', async () => {
    let isThere = false;
    const steps: string[] = [];
    const { app, opened } = await startRole(
      roleThat(async ({ until }) => {
        steps.push(await until('event_store', () => (isThere ? Promise.resolve('found') : away())));
        return { drain: nothing, close: nothing };
      }),
      environment,
    );
    const url = await app.getUrl();
    const said = await until(async () => (await probed(url, '/readyz')).text, 'nobody listens');
    expect(JSON.parse(said)).toMatchObject({
      status: 'not_ready',
      checks: { start: { ok: false, reason: 'waits for event_store: nobody listens there' } },
    });
    expect((await probed(url, '/livez')).status).toBe(200);
    expect((await probed(url, '/metrics')).text).toContain('drawdown_dependency_up{dependency="event_store"} 0');
    isThere = true;
    await opened;
    expect(steps).toEqual(['found']);
    expect((await probed(url, '/readyz')).status).toBe(200);
    expect((await probed(url, '/metrics')).text).toContain('drawdown_dependency_up{dependency="event_store"} 1');
    await app.close();
  });

  test.each([
    ['that is asked again', away],
    ['that does not answer at all', () => new Promise<never>(() => undefined)],
  ])('keeps no process from stopping: one %s', async (_, ask) => {
    const steps: string[] = [];
    const { app, opened } = await startRole(
      roleThat(async (context) => {
        try {
          return await context.until('kafka', ask);
        } finally {
          steps.push('closed');
        }
      }),
      environment,
    );
    await app.close();
    await opened;
    expect(steps).toEqual(['closed']);
  });

  test('leaves nothing behind with each try: it may be away for days', async () => {
    // Its own signals only: AbortSignal.prototype is shared with the specs that run in this process.
    const Controller = AbortController;
    const controllers: AbortController[] = [];
    const made = jest.spyOn(globalThis, 'AbortController').mockImplementation(() => {
      const controller = new Controller();
      controllers.push(controller);
      return controller;
    });
    let tries = 0;
    const { app, opened } = await startRole(
      roleThat(async ({ until }) => {
        await until('kafka', () => ((tries += 1) > 3 ? Promise.resolve() : away()));
        return { drain: nothing, close: nothing };
      }),
      environment,
    );
    await opened;
    made.mockRestore();
    const left = controllers.flatMap(({ signal }) => getEventListeners(signal, 'abort'));
    await app.close();
    expect(tries).toBe(4);
    expect(controllers).not.toEqual([]);
    expect(left).toEqual([]);
  });

  test('is told from one that does not fit, which ends the start', async () => {
    const unfit = Object.assign(new Error('the wrong version'), { code: 'event_store_unfit' });
    const { app, opened } = await startRole(
      roleThat(({ until }) => until('event_store', () => Promise.reject(unfit))),
      environment,
    );
    await expect(opened).rejects.toBe(unfit);
    await app.close();
  });
});

test('what a role finds not to fit later ends it then', async () => {
  const later = Object.assign(new Error('the database is of a later release'), { code: 'database_too_new' });
  let tell: () => void = () => undefined;
  const open = async ({ fail }: RoleContext) => {
    tell = () => fail(later);
    return { drain: async () => undefined, close: async () => undefined };
  };
  const { app, opened, failed } = await startRole({ name: 'relay', port: 1, settings: {}, open }, environment);
  await opened;
  tell();
  await expect(failed).rejects.toBe(later);
  await app.close();
});

/** The first answer with a text in it, within 25 s. */
const until = async (ask: () => Promise<string>, text: string): Promise<string> => {
  for (const end = performance.now() + 25_000; performance.now() < end;) {
    const answer = await ask();
    if (answer.includes(text)) return answer;
  }
  throw new Error(`nobody said ${text}`);
};

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
