import type { ReadProgress } from '@drawdown/delivery';
import { ledgerStream, readRecorded } from '@drawdown/domain/events';
import type { EventReader, Metrics, Sql } from '@drawdown/ports';
import { balanceQueries } from './balances/queries';
import { breakdownQueries } from './breakdown/queries';
import { askBurnRate } from './burn-rate';
import { askBurndown } from './burndown/queries';
import { ModelReader } from './model-reader';
import { personSums } from './person/sums';
import { personTransactions } from './person/transactions';
import { quarantineQueries } from './quarantine';
import type { ReadModels } from './read-models';
import { transactionQueries } from './transactions/queries';

export interface ReadModelPorts {
  readonly database: Sql;
  /** The runner, or what stands for it here. */
  readonly progress: ReadProgress;
  /** The log: explanations come from it. */
  readonly store: Pick<EventReader, 'read'>;
  readonly shardOf: (organizationId: string) => number;
  readonly metrics: Metrics;
  /** Resolves once this process shows everything up to a position of the catalogue; rejects where that takes too long. */
  readonly catalogueReached: (position: number) => Promise<void>;
}

/** The queries of all read models. */
export const readModels = (ports: ReadModelPorts): ReadModels => {
  const { database, progress, store, shardOf, metrics, catalogueReached } = ports;
  const reader = new ModelReader(database, progress, shardOf, metrics, catalogueReached);
  const { walletFigures, ...balanceModels } = balanceQueries(reader);
  const sums = breakdownQueries(reader);
  return {
    ...balanceModels,
    ...transactionQueries(reader, async (shard, revision) => {
      const [stored] = await store.read(ledgerStream(shard), revision, 1);
      return stored === undefined ? undefined : readRecorded(shard, stored);
    }),
    ...sums,
    ...personSums(sums),
    personTransactions: personTransactions(reader),
    ...quarantineQueries(reader),
    burnRate: async (reading, query) => {
      const wallet = await walletFigures(reading, query.wallet);
      return wallet === undefined ? undefined : askBurnRate(reader, reading, wallet, query.window);
    },
    burndown: async (reading, query) => {
      const wallet = await walletFigures(reading, query.wallet);
      return wallet === undefined ? undefined : askBurndown(reader, reading, query, wallet);
    },
  };
};
