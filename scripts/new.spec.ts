import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as ts from 'typescript';

const repository = path.resolve(__dirname, '..');
/** What the script adds lines to. */
const TOUCHED = [
  ...['ledger-events.ts', 'effects.ts'].map((file) => `libs/domain/src/events/${file}`),
  ...['commands.ts', 'evolve.ts'].map((file) => `libs/domain/src/wallet/${file}`),
  'libs/domain/src/organization/rules.ts',
  ...['command-record.ts', 'command-record.spec.ts'].map((file) => `libs/ledger/src/stream/${file}`),
  ...['balances/projector.ts', 'projectors.ts', 'quarantine.ts'].map((file) => `libs/projections/src/${file}`),
];

let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'drawdown-new-'));
  for (const file of TOUCHED) cpSync(path.join(repository, file), path.join(root, file));
});
afterEach(() => rmSync(root, { recursive: true }));

const run = (...words: string[]): { code: number | null; said: string } => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/new.mjs', '--root', root, ...words], {
    ...{ cwd: repository, encoding: 'utf8' },
  });
  return { code: status, said: stdout + stderr };
};

/** Every file below the root with its text. */
const tree = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((file) => statSync(path.join(root, file)).isFile())
      .sort()
      .map((file) => [file, readFileSync(path.join(root, file), 'utf8')]),
  );

const syntaxErrors = (file: string, text: string): readonly string[] =>
  file.endsWith('.json')
    ? (JSON.parse(text), [])
    : (ts.transpileModule(text, { fileName: file, reportDiagnostics: true }).diagnostics ?? []).map(
        ({ messageText }) => `${file}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
      );

/** The lines that a run adds to files that there were, by file name; what it takes away would be missed below. */
const added = (before: Record<string, string>, after: Record<string, string>): Record<string, readonly string[]> =>
  Object.fromEntries(
    Object.entries(before)
      .filter(([file, text]) => after[file] !== text)
      .map(([file, text]) => {
        const had = new Set(text.split('\n'));
        return [path.basename(file), (after[file] ?? '').split('\n').filter((line) => !had.has(line))];
      }),
  );

test.each([
  [
    'event GrantFrozen',
    ['domain/src/events/grant-frozen.spec.ts', 'domain/src/events/grant-frozen.ts'],
    {
      'ledger-events.ts': [`import { GrantFrozen } from './grant-frozen';`, '  GrantFrozen,'],
      'effects.ts': [
        `import type { GrantFrozenEvent } from './grant-frozen';`,
        'export type OwnEvent = OrganizationEvent | WalletEvent | RefusalEvent | GrantFrozenEvent;',
        `    case 'GrantFrozen':`,
      ],
      'evolve.ts': [`    case 'GrantFrozen':`],
      'projector.ts': [`    case 'GrantFrozen':`],
    },
  ],
  [
    'command FreezeGrant',
    ['domain/src/wallet/freeze-grant.spec.ts', 'domain/src/wallet/freeze-grant.ts'],
    {
      'commands.ts': [`  | { readonly type: 'FreezeGrant'; readonly reason: string }`],
      'rules.ts': [`import { freezeGrant } from '../wallet/freeze-grant';`, '  FreezeGrant: freezeGrant,'],
      'command-record.ts': ['  FreezeGrant: true,'],
      'command-record.spec.ts': [`  FreezeGrant: [{ reason: 'test' }],`],
    },
  ],
  [
    'projection GrantHistory',
    ['projections/src/grant-history.spec.ts', 'projections/src/grant-history.ts'],
    { 'projectors.ts': [`import { grantHistory } from './grant-history';`, '  grantHistory,'] },
  ],
  ['adapter RedisSnapshotStore', ['adapters/src/redis/snapshots.spec.ts', 'adapters/src/redis/snapshots.ts'], {}],
])('%s: writes a file and its failing test, and lists it where it belongs', (words, files, lines) => {
  const before = tree();
  const { code, said } = run(...words.split(' '));
  expect([code, said]).toEqual([0, expect.stringContaining(`npm test -- libs/${String(files[0])}`)]);
  const after = tree();
  const made = Object.keys(after).filter((file) => !(file in before));
  expect(made.filter((file) => file.endsWith('.ts'))).toEqual(files.map((file) => path.join('libs', file)));
  expect(after[`libs/${String(files[0])}`]).toContain('is not decided yet');
  expect(added(before, after)).toEqual(lines);
  const written = Object.entries(after).filter(([file, text]) => before[file] !== text);
  expect(written.flatMap(([file, text]) => syntaxErrors(file, text))).toEqual([]);
  if (words.startsWith('projection'))
    expect(after[`libs/${String(files[1])}`]).toContain('CREATE TABLE grant_history${suffix}');
});

test.each([
  [['thing', 'GrantFrozen'], 'there is no kind thing; there are event, command, projection, adapter'],
  [['event'], 'say a kind and a name'],
  [['event', 'grantFrozen'], 'grantFrozen is not in PascalCase'],
  [['event', 'GrantVoided'], 'GrantVoided is taken: see libs/domain/src/events/ledger-events.ts'],
  [['projection', 'Quarantine'], 'Quarantine is taken: there is libs/projections/src/quarantine.ts'],
  [['projection', 'Default'], 'Default cannot be a name'],
  [['adapter', 'RedisCache'], 'name the technology, then its port: RedisEventStore'],
  [['event', 'GrantFrozen', '--force'], '--force'],
])('refuses %j, says why, and writes nothing', (words, why) => {
  const before = tree();
  expect(run(...words)).toEqual({ code: 1, said: expect.stringContaining(why) as string });
  expect(tree()).toEqual(before);
});

test('where one file cannot be written, or has no place for a line, none is changed', () => {
  const refused = (why: string) => ({ code: 1, said: expect.stringContaining(why) as string });
  // A file where the folder of samples is to be: the declaration, written before, is taken back.
  writeFileSync(path.join(root, 'libs/domain/src/events/samples'), '');
  const before = tree();
  expect(run('event', 'GrantFrozen')).toEqual(refused('nothing was written'));
  expect(tree()).toEqual(before);
  writeFileSync(path.join(root, 'libs/domain/src/wallet/evolve.ts'), '');
  const without = tree();
  expect(run('event', 'GrantFrozen')).toEqual(refused('has no place any more'));
  expect(tree()).toEqual(without);
});

test('--help shows an example of each kind', () => {
  const { code, said } = run('--help');
  expect(code).toBe(0);
  expect(said).toMatch(/event .*command .*projection .*adapter /s);
});
