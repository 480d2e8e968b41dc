import 'reflect-metadata';
import { openTestDatabase } from '@drawdown/adapters/testing';
import { allowance } from '@drawdown/adapters/testing/allowance';
import { CheckpointProgress, type ProjectorRunner } from '@drawdown/delivery';
import {
  createHttp,
  createLogger,
  HttpModule,
  HttpSettings,
  organizationReads,
  PrometheusMetrics,
  Readiness,
} from '@drawdown/http';
import { Catalogue, Ledger } from '@drawdown/ledger';
import type { OrganizationCommand } from '@drawdown/domain';
import { formatPosition, positionOf } from '@drawdown/kernel';
import { NO_LOG, NO_METRICS, type ReadDatabase } from '@drawdown/ports';
import { ledgerRunner, type LedgerRecord, projectors, ReadModels, readModels } from '@drawdown/projections';
import { Global, Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { makeWorld, type World } from './testing/bad-input-world';
import { callingAt } from './testing/calling';
import { answeredIn, decidedAgain } from './testing/decided-again';
import { type InMemoryServer, openInMemory } from './testing/in-memory';
import { until } from './testing/until';

/** INV-TEN-5, on a machine that does nothing else. */
const OUT_MAX_MS = 5_000;

let owner: InMemoryServer;
let elsewhere: NestFastifyApplication;
let database: ReadDatabase;
let runner: ProjectorRunner<LedgerRecord>;
let world: World;
let after: string;
/** What was asked of the ledger's owner. */
const asked: OrganizationCommand[] = [];

/** An API as it runs beside workers: it has the catalogue and the read models, and no organization in memory. */
const openElsewhere = async ({ store, catalogue, ledger }: InMemoryServer): Promise<NestFastifyApplication> => {
  const progress = new CheckpointProgress(database, projectors, NO_LOG);
  const models = readModels({
    ...{ database, progress, store, shardOf: () => 0, metrics: NO_METRICS },
    catalogueReached: (position) => catalogue.reached(position),
  });
  const settings = new HttpSettings(true, undefined, false);
  const head = async () => positionOf(0, await store.head('ledger-0'));
  const reads = organizationReads({ models, catalogue, now: settings.now, head, settledAt: head });
  const distant: Ledger = {
    run: async (_, command) => {
      asked.push(command);
      return { accepted: true, answer: {}, position: new Map(), replayed: false };
    },
    charge: () => Promise.reject(new Error('no ledger here')),
    take: () => Promise.reject(new Error('no ledger here')),
    redrive: () => Promise.reject(new Error('no ledger here')),
    settleClock: () => Promise.reject(new Error('no ledger here')),
    now: async () => settings.now(),
    read: reads,
    asOf: (...asked) => ledger.asOf(...asked),
    shardOf: () => 0,
  };
  const providers = [
    { provide: Ledger, useValue: distant },
    { provide: Catalogue, useValue: catalogue },
    { provide: ReadModels, useValue: models },
  ];
  @Global()
  @Module({ providers, exports: providers })
  class Parts {}
  const parts = { settings, logger: createLogger('silent'), metrics: new PrometheusMetrics() };
  const http = HttpModule.with({ ...parts, readiness: new Readiness() });
  const app = await createHttp({ module: class Api {}, imports: [Parts, http] });
  await app.listen(0, '127.0.0.1');
  return app;
};

beforeAll(async () => {
  database = await openTestDatabase();
  owner = await openInMemory();
  world = await makeWorld(owner);
  runner = ledgerRunner({ store: owner.store, database, shards: 1, log: NO_LOG, metrics: NO_METRICS });
  await runner.start();
  elsewhere = await openElsewhere(owner);
  after = formatPosition(positionOf(0, await owner.store.head('ledger-0')));
  // Until a model is built it is refused, and the database says that it is a transaction later than its runner.
  const progress = new CheckpointProgress(database, projectors, NO_LOG);
  for (const { name } of projectors) {
    await until(`${name} answers`, 60_000, () => progress.serving(name).then(() => true, () => false)); // prettier-ignore
  }
}, 90_000);
afterAll(async () => {
  await elsewhere.close();
  await runner.stop();
  await owner.close();
  await database.close();
});

const O = '/v1/organizations/world';
const CHECK = { service_type: 'compute', estimate: { credits: '50' } };

test.each([
  ['an organization', 'GET', () => O, undefined],
  ['a closed organization', 'GET', () => '/v1/organizations/closed', undefined],
  ['its wallets', 'GET', () => `${O}/wallets`, undefined],
  ['a wallet', 'GET', () => `${O}/wallets/credits`, undefined],
  ['a policy', 'GET', () => `${O}/wallets/credits/policy`, undefined],
  ['lots', 'GET', () => `${O}/wallets/credits/lots`, undefined],
  ['lots of a state', 'GET', () => `${O}/wallets/credits/lots?state=spent`, undefined],
  ['balances with lots and holds', 'GET', () => `${O}/balance`, undefined],
  ['a hold', 'GET', () => `${O}/holds/${world['hold'] ?? ''}`, undefined],
  ['members', 'GET', () => `${O}/members`, undefined],
  ['a page of members', 'GET', () => `${O}/members?limit=1`, undefined],
  ['a page of wallets', 'GET', () => `${O}/wallets?limit=1`, undefined],
  ['an access decision that allows', 'POST', () => `${O}/check`, CHECK],
  ['an access decision that refuses', 'POST', () => `${O}/check`, { ...CHECK, estimate: { credits: '500' } }],
  ['no organization', 'GET', () => '/v1/organizations/nobody/wallets', undefined],
  ['no wallet', 'GET', () => `${O}/wallets/none/lots`, undefined],
  ['no hold', 'GET', () => `${O}/holds/none`, undefined],
])(
  'shows %s like the process that owns the ledger, once its read model has come as far',
  async (_, method, path, body) => {
    const since = `${path()}${path().includes('?') ? '&' : '?'}after=${after}`;
    const url = await elsewhere.getUrl();
    // First, since the owner records what it refuses, and is further then.
    const seen = await callingAt(() => url)(method, since, body);
    const shown = await callingAt(() => owner.url)(method, since, body);
    expect([seen.status, { ...seen.body, request_id: null }]).toEqual([
      shown.status,
      { ...shown.body, request_id: null },
    ]);
  },
);

test('INV-AUD-6: what is refused on a read model is on its way to the log, with the state it was decided on', async () => {
  const url = await elsewhere.getUrl();
  const body = { ...CHECK, estimate: { quantity: '300', unit: 'hours' } };
  expect((await callingAt(() => url)('POST', `${O}/check`, body)).body).toMatchObject({ allowed: false });
  const refusals = asked.flatMap((command) => (command.type === 'RecordAccessRefusal' ? [command.refusal] : []));
  expect(refusals.at(-1)).toMatchObject({ required: 600_000_000_000n, rateCard: 'world-card', rateCardVersion: 1 });
  for (const refusal of refusals) expect(await decidedAgain(owner, 'world', refusal)).toEqual(answeredIn(refusal));
});

test('INV-TEN-5: who was removed is out here, too, within 5 s', async () => {
  const there = callingAt(() => owner.url);
  const url = await elsewhere.getUrl();
  const statusOf = async (): Promise<number> =>
    (await callingAt(() => url)('GET', `${O}/transactions`, undefined, { 'drawdown-user': 'leaving' })).status;
  await there('PUT', `${O}/members/leaving`, { role: 'member' });
  await until('the member is in', OUT_MAX_MS * allowance(), async () => (await statusOf()) === 200);
  await there('DELETE', `${O}/members/leaving`);
  await until('the member is out', OUT_MAX_MS * allowance(), async () => (await statusOf()) === 404);
});

test('waits for the catalogue, too, and says that it did; where it does not come, it is behind (BAD-117)', async () => {
  const url = await elsewhere.getUrl();
  const [seen, beyond] = [`c.${String(owner.catalogue.covered)}~${after}`, `c.99999999~${after}`];
  const paths = [`${O}/wallets/credits`, `${O}/transactions`, '/v1/quarantine'];
  const [shown, refused] = await Promise.all(
    [seen, beyond].map((position) =>
      Promise.all(paths.map((path) => callingAt(() => url)('GET', `${path}?after=${position}`))),
    ),
  );
  for (const { status, body } of shown ?? []) {
    expect([status, body['as_of']]).toMatchObject([
      200,
      { position: expect.stringMatching(/^0\.\d+~c\.\d+$/) as string },
    ]);
  }
  for (const { status, body } of refused ?? []) expect([status, body['code']]).toEqual([503, 'read_model_behind']);
  expect(refused).toHaveLength(paths.length);
});

test('refuses to show less than its caller has seen', async () => {
  const url = await elsewhere.getUrl();
  const behind = await callingAt(() => url)('GET', `${O}/wallets?after=0.99999`);
  expect([behind.status, behind.body['code']]).toEqual([503, 'read_model_behind']);
});
