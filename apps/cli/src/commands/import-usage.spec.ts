import { drawdown, fileWith } from '../testing/command-line';
import { csv, ImportScene, MAPPED } from '../testing/import-scene';

const scene = new ImportScene();

describe('wrong usage', () => {
  test.each([
    ['no such file', ['/no/such.csv', ...MAPPED], 'there is no file'],
    ['an unknown format', [() => fileWith('usage.txt', 'x'), ...MAPPED], '--format'],
    ['an empty CSV file', [() => fileWith('usage.csv', ''), ...MAPPED], 'is empty'],
    [
      'a header that is not UTF-8',
      [() => fileWith('usage.csv', Buffer.from('\xff\xfea\0', 'latin1')), ...MAPPED],
      'not UTF-8',
    ],
    ['a column that is not there', [() => csv(1), '--map', 'time=when'], 'no column "when"; it has at, in, who'],
    ['a target twice', [() => csv(1), ...MAPPED, '--set', 'time=x'], 'given twice'],
    ['no service type', [() => csv(1), '--map', 'time=at', '--organization', 'a'], 'service_type'],
    ['a spread without a number', [() => csv(1), ...MAPPED, '--spread', 'organizations=many'], 'whole number'],
    ['a source for CloudEvents', [() => fileWith('usage.ndjson', '{}'), '--source', 's'], 'their own source'],
  ])('%s', async (_, words, said) => {
    const { code, json } = await scene.importing(
      ...(words.map((word) => (typeof word === 'string' ? word : word())) as [string]),
    );
    expect(code).toBe(1);
    expect(json()).toMatchObject({ error: { code: 'usage', detail: expect.stringContaining(said) as string } });
    expect(scene.server.requests).toBe(0);
  });

  test('an unknown option, with the way to help', async () => {
    const { code, err } = await drawdown(['import', 'f.csv', '--no-such']);
    expect([code, err]).toEqual([1, expect.stringContaining('--help')]);
    expect((await scene.importing('f.csv', '--no-such')).json()).toMatchObject({ error: { code: 'usage' } });
  });

  test('help is there for every command', async () => {
    for (const words of [['--help'], ['import', '--help'], ['demo', '--help']]) {
      const { code, out } = await drawdown(words);
      expect([code, out]).toEqual([0, expect.stringContaining('--json')]);
    }
  });
});
