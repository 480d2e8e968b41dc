/** What `npm run new` writes for each kind: new files, lines for files that there are, and what is left to be done. */

/** The end of a new spec: red until somebody has decided. */
const undecided = (what, questions) => `throw new Error(
    ${JSON.stringify(`${what} is not decided yet. Replace this line by tests that say:`)} +
${questions.map((question) => `      ${JSON.stringify(`\n- ${question}`)}`).join(' +\n')},
  );`;

const event = ({ name, file }) => ({
  files: {
    [`libs/domain/src/events/${file}.ts`]: `import { type EventOf, eventType } from '@drawdown/kernel';
import { Type } from '@sinclair/typebox';

/** TO DO: the fact, in a sentence; who decides it, and when. */
export const ${name} = eventType('${name}', {
  wire: Type.Object({ reason: Type.String() }),
  read: (wire) => ({ reason: wire.reason }),
  write: (data) => ({ reason: data.reason }),
});

export type ${name}Event = EventOf<typeof ${name}>;
`,
    [`libs/domain/src/events/samples/${name}.v1.json`]: `{ "reason": "TO DO: a sample of what is stored" }\n`,
    [`libs/domain/src/events/${file}.spec.ts`]: `import { effectsOf, readLedgerEvent } from '.';

test('${name}: TO DO, the rule as a sentence', () => {
  expect(readLedgerEvent('${name}', 1, { reason: 'why' })).toEqual({ type: '${name}', data: { reason: 'why' } });
  expect(effectsOf({ type: '${name}', data: { reason: 'why' } })).toMatchObject({ moves: [], bookings: [] });
  ${undecided(name, [
    'what is stored, in snake_case (wire, read, write, and the sample: no edits once it is released)',
    'which amounts it moves (effects.ts; now: none)',
    'what else it changes of the state (evolve.ts) and of the rows (balances/projector.ts; now: nothing)',
  ])}
});
`,
  },
  edits: [
    ['libs/domain/src/events/ledger-events.ts', `import { ${name} } from './${file}';`, `  ${name},\n`, '] as const;'],
    [
      'libs/domain/src/events/effects.ts',
      `import type { ${name}Event } from './${file}';`,
      ...[` | ${name}Event`, /(?<=export type OwnEvent = [^;]*);/],
    ],
    ['libs/domain/src/events/effects.ts', '', `    case '${name}':\n`, /^ +case '\w+':\n +return NONE;/m],
    ['libs/domain/src/wallet/evolve.ts', '', `    case '${name}':\n`, /^ +case 'LotExpired':\n +case 'GrantVoided':/m],
    [
      'libs/projections/src/balances/projector.ts',
      ...['', `    case '${name}':\n`, /^ +case 'LotExpired':\n +case 'GrantVoided':/m],
    ],
  ],
  left: [
    'npm run schemas, with the declaration as it is to stay',
    'the rule that decides it: npm run new -- command …',
  ],
});

const command = ({ name, camel, file }) => ({
  files: {
    [`libs/domain/src/wallet/${file}.ts`]: `import { accept } from '@drawdown/kernel';
import type { CommandRule } from './commands';
import { withoutReason } from './refusals';

/** TO DO: the rule in a sentence, and what happens when the same is asked twice. */
export const ${camel}: CommandRule<'${name}'> = {
  decide: (_organization, { reason }) => withoutReason(reason) ?? accept(),
  answer: () => ({}),
};
`,
    [`libs/domain/src/wallet/${file}.spec.ts`]: `import { command, given, granted } from '../testing';

test('${name}: TO DO, the rule as a sentence', () => {
  given(granted('lot', '10'))
    .when(command({ type: '${name}', reason: 'test' }))
    .then();
  ${undecided(name, [
    'what it is given (commands.ts; times and ids are arguments)',
    'what it refuses, and with which code (REFUSAL_CODES)',
    'which events it leads to, and which on the second time (now: none)',
    'what the caller is told (answer)',
  ])}
});
`,
  },
  edits: [
    [
      'libs/domain/src/wallet/commands.ts',
      ...[
        '',
        `  | { readonly type: '${name}'; readonly reason: string }\n`,
        "  | { readonly type: 'CloseOrganization';",
      ],
    ],
    [
      'libs/domain/src/organization/rules.ts',
      ...[`import { ${camel} } from '../wallet/${file}';`, `  ${name}: ${camel},\n`, '  CloseOrganization: close'],
    ],
    ['libs/ledger/src/stream/command-record.ts', '', `  ${name}: true,\n`, '  CloseOrganization: true,'],
    [
      'libs/ledger/src/stream/command-record.spec.ts',
      ...['', `  ${name}: [{ reason: 'test' }],\n`, '  CloseOrganization: ['],
    ],
  ],
  left: [
    'a step for tests beside the others in libs/domain/src/testing/steps.ts',
    'a route, where people or keys may send it: a controller in libs/http/src/, access/routes.ts, openapi/answer-table.ts',
  ],
});

const projection = ({ name, camel, file, snake }) => ({
  files: {
    [`libs/projections/src/${file}.ts`]: `import { WITHIN_A_SECOND } from '@drawdown/delivery';
import { type LedgerProjector, ownerOf } from './ledger-record';
import { columns } from './rows';

const ROWS = columns({ organization_id: 'text', events: 'bigint' });

/** \`${snake}\`: TO DO, what a row says (now: how many events an organization has). */
export const ${camel}: LedgerProjector<Map<string, number>> = {
  name: '${snake}',
  version: 1,
  freshness: WITHIN_A_SECOND,
  tableNames: ['${snake}'],
  tables: (suffix) => [
    \`CREATE TABLE ${snake}\${suffix} (
       organization_id text NOT NULL, events bigint NOT NULL,
       PRIMARY KEY (organization_id))\`,
  ],
  begin: () => new Map(),
  apply: (deltas, record) => {
    if (record.event.type === 'UsageCharged') return; // packed, of several organizations: see forConsumption
    const organizationId = ownerOf(record);
    deltas.set(organizationId, (deltas.get(organizationId) ?? 0) + 1);
  },
  save: async (tx, suffix, deltas) => {
    if (deltas.size === 0) return;
    await tx.query(
      \`INSERT INTO ${snake}\${suffix} AS r (\${ROWS.list}) SELECT * FROM \${ROWS.source}
       ON CONFLICT (organization_id) DO UPDATE SET events = r.events + excluded.events\`,
      ROWS.parameters([...deltas]),
    );
  },
};
`,
    [`libs/projections/src/${file}.spec.ts`]: `import { SYSTEM } from '@drawdown/domain/events';
import { START } from '@drawdown/domain/testing';
import { ${camel} } from './${file}';

test('${name}: TO DO, what is asked and what it answers', () => {
  const deltas = ${camel}.begin();
  const event = { type: 'MemberRemoved', data: { userId: 'u', role: 'member' } } as const;
  ${camel}.apply(deltas, { event, shard: 0, revision: 0, bookedAt: START, organizationId: 'org_a', actor: SYSTEM });
  expect([...deltas]).toEqual([['org_a', 1]]);
  ${undecided(name, [
    'what is asked, and what the answer looks like (see quarantine.spec.ts: a log, a database, a question)',
    'which events change its rows (apply: of its arguments alone), and one row per what (tables)',
    'that any batches give the same rows (save adds deltas up)',
  ])}
});
`,
  },
  edits: [
    [
      'libs/projections/src/projectors.ts',
      ...[`import { ${camel} } from './${file}';`, `  ${camel},\n`, /(?<=export const projectors[^=]*= \[[^\]]*)\];/],
    ],
  ],
  left: [
    'its queries: a function of ModelReader in the file, a line in read-models.ts and in read-models-of.ts',
    'a row in the table of libs/projections/README.md',
    'the process that runs it, in deploy/ (compose and Helm): `npm test -- deploy` says where',
  ],
});

/** Ports with their suite; that of the clock opens at once, the others wait. */
const PORTS = {
  EventStore: ['eventStoreConformance', 'event-store'],
  ReadDatabase: ['readDatabaseConformance', 'read-database'],
  SnapshotStore: ['snapshotsConformance', 'snapshots'],
  Stream: ['streamConformance', 'stream'],
  Clock: ['clockConformance', 'clock'],
};
export const PORT_NAMES = Object.keys(PORTS);

const adapter = ({ name, kebab }) => {
  const port = PORT_NAMES.find((each) => name.endsWith(each) && name !== each);
  if (port === undefined) {
    throw new RangeError(`${name}: name the technology, then its port: Redis${PORT_NAMES.join(', Redis')}`);
  }
  const [suite, file] = PORTS[port];
  const technology = kebab(name.slice(0, -port.length));
  const [open, opened] = port === 'Clock' ? ['', port] : ['async ', `Promise<${port}>`];
  return {
    files: {
      [`libs/adapters/src/${technology}/${file}.ts`]: `import type { ${port} } from '@drawdown/ports';

/** TO DO: on what it works, and what that does otherwise than the port promises. */
export const open${name} = ${open}(): ${opened} => {
  throw new Error('${name} is not written yet: its promises are the docstrings of the port ${port} in libs/ports');
};
`,
      [`libs/adapters/src/${technology}/${file}.spec.ts`]: `import { ${suite} } from '@drawdown/ports/testing';
import { open${name} } from './${file}';

${suite}(${port === 'Clock' ? '' : '() => '}open${name}${port === 'Clock' ? '' : '()'});

test('TO DO: what only this technology can do wrong', () => {
  ${undecided(name, [
    'that a call that may have had its effect is never reported as one that had none',
    'what happens where the technology cannot be reached, is full, or is closed',
  ])}
});
`,
    },
    edits: [],
    left: [
      `its driver: exact version in package.json, and in scripts/layers.cjs for adapters`,
      'the composition in apps/, with its settings in deploy/README.md',
    ],
  };
};

export const SKELETONS = { event, command, projection, adapter };
