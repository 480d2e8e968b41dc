import 'reflect-metadata';
import { systemClock } from '@drawdown/adapters/embedded/system-clock';
import { ensureAdminKey } from '@drawdown/commands';
import { createHttp, createLogger, PrometheusMetrics, Readiness } from '@drawdown/http';
import { LocalCatalogue, LocalLedger } from '@drawdown/ledger';
import { type EventStore, NO_LOG } from '@drawdown/ports';
import { inMemoryEventStore, inMemorySnapshots } from '@drawdown/ports/testing';
import type { ReadModels } from '@drawdown/projections';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Parts } from '../parts';
import { readSettings } from '../settings';
import { StandaloneModule } from '../standalone.module';

export const ADMIN_KEY = 'test-admin-key-0123456789';

export interface InMemoryServer {
  readonly app: NestFastifyApplication;
  readonly store: EventStore;
  readonly catalogue: LocalCatalogue;
  readonly ledger: LocalLedger;
  readonly readiness: Readiness;
  readonly url: string;
  readonly close: () => Promise<void>;
}

interface Options {
  readonly store?: EventStore;
  readonly readModels?: ReadModels;
  readonly environment?: Readonly<Record<string, string>>;
  /** The product's own where nothing is said. */
  readonly requestTimeoutMs?: number;
  readonly logger?: ReturnType<typeof createLogger>;
}

/** The whole process over HTTP, on the in-memory references of the ports. */
export const openInMemory = async ({
  store = inMemoryEventStore(),
  readModels = emptyReadModels(),
  environment = {},
  requestTimeoutMs,
  logger = createLogger('silent'),
}: Options = {}): Promise<InMemoryServer> => {
  const settings = readSettings(environment);
  const clock = systemClock();
  const metrics = new PrometheusMetrics();
  const readiness = new Readiness();
  const catalogue: LocalCatalogue = new LocalCatalogue(store, clock, (card, version) =>
    ledger.lastPriced(card, version),
  );
  const shared = { clock, metrics, log: NO_LOG };
  const ledger: LocalLedger = new LocalLedger(1, { store, snapshots: inMemorySnapshots(), catalogue, ...shared });
  await catalogue.start();
  await ledger.start();
  await ensureAdminKey(catalogue, ADMIN_KEY);
  const parts: Parts = {
    ledger,
    catalogue,
    readModels,
    clock,
    metrics,
    readiness,
    drain: () => ledger.stop(),
    close: () => store.close(),
  };
  const app = await createHttp(StandaloneModule.of(parts, settings, logger), requestTimeoutMs);
  await app.listen(0, '127.0.0.1');
  return { app, store, catalogue, ledger, readiness, url: await app.getUrl(), close: () => app.close() };
};

/** Read models of a ledger in which nothing happened. */
export const emptyReadModels = (): ReadModels => {
  const asOf = { position: new Map([['0', 0]]), time: systemClock().now() };
  const page = async () => ({ value: { data: [], next_cursor: null }, asOf });
  const missing = async () => undefined;
  const total = async () => ({ value: { data: [], total: '0' }, asOf });
  return {
    organization: missing,
    wallets: missing,
    wallet: missing,
    lots: missing,
    holds: page,
    hold: missing,
    transactions: page,
    transaction: missing,
    transactionTree: missing,
    transactionPlace: missing,
    explanation: missing,
    breakdown: total,
    spending: total,
    burnRate: missing,
    burndown: missing,
    memberships: async () => ({ value: [], asOf }),
    personBreakdown: total,
    personSpending: total,
    personTransactions: page,
    quarantine: page,
    quarantinedUsage: async () => ({ usages: [], next_cursor: null }),
  } as unknown as ReadModels;
};
