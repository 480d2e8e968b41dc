import { existsSync, writeFileSync } from 'node:fs';
import { drawdown, fileWith } from '../testing/command-line';
import { csv, HEADER, ImportScene, MAPPED, reportOf, row } from '../testing/import-scene';
import type { IntakeServer } from '../testing/intake-server';

const scene = new ImportScene();

describe('running it again', () => {
  test('sends nothing where all is done, and everything with --restart', async () => {
    const file = csv(30);
    await scene.importingMapped(file);
    const before = scene.server.requests;
    expect((await scene.importingMapped(file)).json()).toMatchObject({ complete: true, lines: 30, accepted: 30 });
    expect(scene.server.requests).toBe(before);
    expect((await scene.importingMapped(file, '--restart')).json()).toMatchObject({
      lines: 30,
      accepted: 0,
      duplicates: 30,
    });
    expect(scene.server.events.size).toBe(30);
  });

  test('goes on after the lines that were acknowledged', async () => {
    const file = csv(5000);
    scene.server.instead = (request) => (request > 2 ? { status: 503 } : undefined);
    const stopped = await scene.importingMapped(file, '--concurrency', '1', '--retry-for', '0s');
    expect(stopped.code).toBe(3);
    expect(stopped.json()).toMatchObject({ complete: false, lines: 2000, error: { code: 'unreachable' } });
    scene.server.instead = () => undefined;
    const done = await scene.importingMapped(file, '--concurrency', '1');
    expect(done.code).toBe(0);
    expect(done.json()).toMatchObject({
      complete: true,
      lines: 5000,
      accepted: 5000,
      duplicates: 0,
      resumed_at_line: 2001,
    });
    expect(scene.server.events.size).toBe(5000);
  });

  test('reports each bad line once, however often it was interrupted', async () => {
    const file = fileWith(
      'usage.csv',
      HEADER + Array.from({ length: 3000 }, (_, n) => (n % 10 === 0 ? 'bad\n' : row(n))).join(''),
    );
    scene.server.instead = (request) => (request === 2 ? { status: 503 } : undefined);
    expect((await scene.importingMapped(file, '--retry-for', '0s')).code).toBe(3);
    scene.server.instead = () => undefined;
    const { json } = await scene.importingMapped(file);
    expect(json()).toMatchObject({ lines: 3000, rejected: 300 });
    expect(reportOf(file).map(({ line }) => line)).toEqual(Array.from({ length: 300 }, (_, i) => i * 10 + 2));
  });

  test.each([
    [
      'another file',
      (file: string) => [writeFileSync(file, HEADER + row(9)), [...MAPPED]] as const,
      'content of the file',
    ],
    ['another mapping', () => [undefined, [...MAPPED, '--map', 'user_id=who']] as const, 'how lines become events'],
  ])('with %s is refused, with what to do', async (_, change, said) => {
    const file = csv(3);
    await scene.importingMapped(file);
    const [, words] = change(file);
    const { code, json } = await scene.importing(file, '--organization', 'acme', ...words);
    expect(code).toBe(1);
    expect(json()).toMatchObject({ error: { code: 'usage', detail: expect.stringContaining(said) as string } });
    expect(json()).toMatchObject({ error: { detail: expect.stringContaining('--restart') as string } });
  });

  test('against another server is refused', async () => {
    const file = csv(3);
    await scene.importingMapped(file);
    const { code, err } = await drawdown([
      'import',
      file,
      '--url',
      'http://127.0.0.1:9',
      '--organization',
      'acme',
      ...MAPPED,
    ]);
    expect([code, err]).toEqual([1, expect.stringContaining('the server changed')]);
  });
});

describe('a server in trouble', () => {
  test('is asked again until it answers, and nothing is lost or doubled', async () => {
    const trouble: Record<number, ReturnType<IntakeServer['instead']>> = {
      1: { status: 503, headers: { 'retry-after': '0' } },
      2: 'cut',
      4: { status: 429, body: { code: 'rate_limited' } },
    };
    scene.server.instead = (request) => trouble[request];
    expect((await scene.importingMapped(csv(3500))).json()).toMatchObject({ lines: 3500, accepted: 3500 });
    expect(scene.server.events.size).toBe(3500);
  });

  test('that is away is given up after --retry-for; the state is kept', async () => {
    const file = csv(5);
    const words = ['--url', 'http://127.0.0.1:9', '--json', '--organization', 'acme', ...MAPPED];
    const { code, json } = await drawdown(['import', file, ...words, '--retry-for', '300ms']);
    expect(code).toBe(3);
    expect(json()).toMatchObject({ complete: false, lines: 0, error: { code: 'unreachable' } });
    expect(existsSync(`${file}.drawdown-import.json`)).toBe(true);
  });

  test('that knows no such key says so', async () => {
    scene.server.instead = () => ({ status: 401, body: { code: 'unauthenticated', detail: 'no valid credential' } });
    const { code, json } = await scene.importingMapped(csv(5));
    expect(code).toBe(1);
    expect(json()).toMatchObject({ error: { code: 'unauthenticated' } });
  });

  test('an interruption saves what is acknowledged', async () => {
    const file = csv(4000);
    const stopping = new AbortController();
    scene.server.instead = (request) => {
      if (request === 3) stopping.abort();
      return request >= 3 ? 'cut' : undefined;
    };
    const words = [
      'import',
      file,
      '--url',
      scene.server.url,
      '--json',
      '--organization',
      'acme',
      ...MAPPED,
      '--concurrency',
      '1',
    ];
    const { code, json } = await drawdown(words, stopping.signal);
    expect(code).toBe(3);
    expect(json()).toMatchObject({ complete: false, lines: 2000, error: { code: 'interrupted' } });
  });
});
