import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type EventStore, type Log, type NewEvent, NO_LOG } from '@drawdown/ports';
import { type Certificates, newCertificates } from '../testing/certificates';
import { openEventStoreDb } from './event-store';
import { checkEventStoreDb } from './start-check';
import type { EventStoreDbDouble } from './testing/double';
import { doubles } from './testing/servers';

const double = doubles();
const streams = ['ledger-0'];
/** With what has a meaning in a connection string; the server knows no colon in passwords (BasicHttpAuthenticationProvider.cs). */
const PASSWORD = 'pass/w@rd?&%';
const WRONG = 'wr0ng-secret';
const users = [
  { name: 'writer', password: PASSWORD, mayWrite: true },
  { name: 'reader', password: PASSWORD, mayWrite: false },
];
/** So long is followed where nobody is let in, which is not told to whoever follows but tried again. */
const FOLLOWED_MS = 1_000;
/** So long where the first answer ends it. */
const TOLD_MS = 30_000;

let folder: string;
let own: Certificates;
let other: Certificates;
let secured: EventStoreDbDouble;
let elsewhere: EventStoreDbDouble;
let plain: EventStoreDbDouble;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-'));
  [own, other] = await Promise.all([
    newCertificates(folder, 'own', 'IP:127.0.0.1'),
    newCertificates(folder, 'other', 'DNS:elsewhere.example'),
  ]);
  [secured, elsewhere, plain] = await Promise.all([
    double({ certificate: readFileSync(own.server), users }),
    double({ certificate: readFileSync(other.server), users }),
    double(),
  ]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const opened: EventStore[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

interface Address {
  readonly server?: EventStoreDbDouble;
  readonly user?: string;
  readonly password?: string;
  readonly ca?: string;
  readonly scheme?: string;
  readonly tls?: false;
}

const urlOf = ({
  server = secured,
  user = 'writer',
  password = PASSWORD,
  scheme = 'esdb',
  ...more
}: Address): string => {
  const login = user === '' ? '' : `${user}:${encodeURIComponent(password)}@`;
  const ca = more.ca === '' ? '' : `tlsCAFile=${encodeURIComponent(more.ca ?? own.authority)}`;
  return `${scheme}://${login}127.0.0.1:${String(server.port)}?${more.tls === false ? 'tls=false' : ca}`.replace(
    /\?$/,
    '',
  );
};

const event = (): NewEvent => ({ id: randomUUID(), type: 'Tested', data: Buffer.from('content'), metadata: {} });

/** All that a log is told. */
const noted = (): { readonly log: Log; readonly lines: string[] } => {
  const lines: string[] = [];
  const note = (fields: unknown, text?: string): void => void lines.push(`${text ?? ''} ${JSON.stringify(fields)}`);
  return { lines, log: { ...NO_LOG, info: note, warn: note, error: note } };
};

test.each(['esdb', 'esdb+discover'])(
  'over TLS, with the right password, a store is checked, written, read and followed (%s)',
  async (scheme) => {
    const url = urlOf({ scheme });
    await checkEventStoreDb(url, { streams });
    const store = openEventStoreDb(url);
    opened.push(store);
    const [stream, events] = [randomUUID(), [event(), event()]];
    await store.append(stream, 0, events);
    const ids = events.map(({ id }) => id);
    expect((await store.read(stream, 0, 10)).map(({ id }) => id)).toEqual(ids);
    const abort = new AbortController();
    const seen: string[] = [];
    for await (const page of store.followAll(-1, [stream], abort.signal)) {
      seen.push(...page.map(({ id }) => id));
      if (seen.length >= events.length) abort.abort();
    }
    expect(seen).toEqual(ids);
  },
);

const textOf = async (outcome: Promise<unknown>): Promise<string> =>
  outcome.then(
    () => 'done',
    (error: unknown) => `${(error as { readonly code?: string }).code ?? ''}: ${(error as Error).message}`,
  );

/** What is said by whoever checks, writes, reads and follows there. */
const tried = async (address: Address, followedMs = FOLLOWED_MS) => {
  const [url, { log, lines }] = [urlOf(address), noted()];
  const check = await textOf(checkEventStoreDb(url, { streams, log }));
  const store = openEventStoreDb(url, { log });
  opened.push(store);
  const [append, read] = [
    await textOf(store.append('ledger-0', 0, [event()])),
    await textOf(store.read('ledger-0', 0, 1)),
  ];
  const follow = await textOf(
    (async () => {
      for await (const page of store.follow('ledger-0', 0, AbortSignal.timeout(followedMs))) return page;
      return undefined;
    })(),
  );
  return { check, append, read, follow, lines };
};

const DENIED = /access denied; look at user and password in the connection string \(EVENTSTORE_URL\), and at the ACL/;

test.each<[string, Address]>([
  ['a wrong password', { password: WRONG }],
  ['an unknown user', { user: 'nobody', password: WRONG }],
  ['no user at all', { user: '' }],
])('%s: whoever starts is refused and told where to look, and nobody is told a password', async (_, address) => {
  const { check, append, read, follow, lines } = await tried(address, TOLD_MS);
  expect(check).toMatch(/^event_store_unfit: /);
  expect(check).toMatch(/ledger-0 cannot be read: access denied/);
  expect(check).toMatch(/its clock cannot be read: access denied/);
  for (const text of [append, read, follow]) expect(text).toMatch(/^store_unavailable: /);
  for (const text of [check, append, read, follow]) expect(text).toMatch(DENIED);
  const all = [check, append, read, follow, ...lines].join('\n');
  for (const password of [WRONG, PASSWORD]) {
    for (const form of [password, encodeURIComponent(password), Buffer.from(`writer:${password}`).toString('base64')])
      expect(all).not.toContain(form);
  }
});

test('a user who may only read reads and follows; appends say that nothing was stored, and why', async () => {
  const store = openEventStoreDb(urlOf({ user: 'reader' }));
  opened.push(store);
  const stream = randomUUID();
  expect(await store.read(stream, 0, 10)).toEqual([]);
  expect(await textOf(store.append(stream, 0, [event()]))).toMatch(
    /^store_unavailable: .*nothing was stored: access denied/,
  );
  expect(await store.read(stream, 0, 10)).toEqual([]);
  const check = await textOf(checkEventStoreDb(urlOf({ user: 'reader' }), { streams }));
  expect(check).toMatch(/^event_store_unfit: /);
  expect(check).toMatch(DENIED);
});

const CERTIFICATE = 'look at tlsCAFile in EVENTSTORE_URL, and at the names in the certificate of the server';

test.each<[string, () => Address, string, RegExp]>([
  ['another authority', () => ({ ca: other.authority }), CERTIFICATE, /unable to verify/],
  ['the authorities of the system', () => ({ ca: '' }), CERTIFICATE, /unable to verify/],
  ['a certificate for another name', () => ({ server: elsewhere, ca: other.authority }), CERTIFICATE, /altnames/],
  ['TLS where nobody speaks it', () => ({ server: plain }), 'the server may not speak it', /look at tls in/],
  ['no TLS where it is wanted', () => ({ user: '', tls: false }), 'if the server is there', /look at tls in/],
  [
    'another authority of a cluster',
    () => ({ scheme: 'esdb+discover', ca: other.authority }),
    'hosts, tls and tlsCAFile',
    /Failed to discover/,
  ],
])('%s: nothing is read or written, and all are told where to look', async (_, address, advice, why) => {
  const before = secured.faults.appends + elsewhere.faults.appends + plain.faults.appends;
  const { check, append, read, lines } = await tried(address());
  for (const text of [check, append, read]) {
    expect(text).toMatch(/^store_unavailable: /);
    expect(text).toContain(advice);
    expect(text).toMatch(why);
    expect(text).not.toContain(encodeURIComponent(PASSWORD));
  }
  expect(secured.faults.appends + elsewhere.faults.appends + plain.faults.appends).toBe(before);
  expect(lines.join('\n')).not.toContain(encodeURIComponent(PASSWORD));
});

test('a password is never sent in the clear: a server without TLS hears none, and tls=false with one is refused', async () => {
  const heard = await double({ users });
  expect(() => openEventStoreDb(urlOf({ server: heard, tls: false }))).toThrow(/passwords are sent over TLS only/);
  const { read } = await tried({ server: heard, ca: own.authority });
  expect(read).toMatch(/may not speak it/);
  expect(heard.faults.credentialsHeard).toBe(0);
  expect(secured.faults.credentialsHeard).toBeGreaterThan(0);
});
