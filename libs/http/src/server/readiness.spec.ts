import { Readiness } from './readiness';

test('is ready where every check has nothing to say', async () => {
  const readiness = new Readiness();
  readiness.register('store', () => null);
  readiness.register('database', async () => null);
  expect(await readiness.report()).toEqual({
    ready: true,
    checks: { store: { ok: true, reason: null }, database: { ok: true, reason: null } },
  });
});

test('says what is wrong: a reason, an error, or no answer in time', async () => {
  const readiness = new Readiness();
  readiness.register('full', () => 'the disk is full');
  readiness.register('gone', () => Promise.reject(new Error('connection refused')));
  readiness.register('slow', () => new Promise(() => undefined));
  const { ready, checks } = await readiness.report();
  expect(ready).toBe(false);
  expect(Object.values(checks).map(({ reason }) => reason)).toEqual([
    'the disk is full',
    'connection refused',
    'no answer within 1000 ms',
  ]);
});
