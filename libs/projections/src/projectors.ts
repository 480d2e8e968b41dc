import { ledgerStream, readRecorded } from '@drawdown/domain/events';
import { type Projector, ProjectorRunner, type ProjectorRunnerOptions } from '@drawdown/delivery';
import { balances } from './balances/projector';
import { balanceDays } from './burndown/projector';
import { breakdown } from './breakdown/projector';
import { burnRate } from './burn-rate';
import { type LedgerRecord, weightOf } from './ledger-record';
import { quarantine } from './quarantine';
import { transactions } from './transactions/projector';

/** Every read model. A new one is a file and a line here. */
export const projectors: readonly Projector<unknown, LedgerRecord>[] = [
  balances,
  breakdown,
  burnRate,
  transactions,
  quarantine,
  balanceDays,
];

export type LedgerRunner = ProjectorRunner<LedgerRecord>;

/** A runner of read models over the ledger; of all of them unless `projectors` says which. */
export const ledgerRunner = (
  options: Omit<ProjectorRunnerOptions<LedgerRecord>, 'projectors' | 'stream' | 'decode' | 'weigh'> & {
    readonly projectors?: readonly Projector<unknown, LedgerRecord>[];
  },
): LedgerRunner =>
  new ProjectorRunner({ projectors, decode: readRecorded, ...options, stream: ledgerStream, weigh: weightOf });
