import { availableParallelism, cpus } from 'node:os';
import { Command } from 'commander';
import { holds, type Row, type RowResult } from './row';
import { cluster } from './rows/cluster';
import { domainCore } from './rows/domain-core';
import { memory } from './rows/memory';
import { served } from './rows/served';
import { walletSize } from './rows/wallet-size';
import { printTable, refusalOf } from './table';

/** Every row of the bench. Another one is a file in rows/ and a place here. Memory first: what others leave behind is not in it. */
const ROWS: readonly Row[] = [memory, domainCore, walletSize, served, cluster];

const main = async (): Promise<void> => {
  const program = new Command('bench')
    .description(
      'Measures Drawdown as ratios in one run, with what they are ratios of. Exit code 2: a gate is missed; 3: refused, the machine was too uneven.',
    )
    .option('--rows <keys>', `only these rows (${ROWS.map((row) => row.key).join(', ')})`)
    .option('--quick', 'fewer rounds: to see that it works, not to quote', false)
    .option('--json', 'one JSON object instead of the table', false)
    .parse();
  const options = program.opts<{ rows?: string; quick: boolean; json: boolean }>();
  const wanted = options.rows?.split(',');
  const rows = ROWS.filter((row) => wanted === undefined || wanted.includes(row.key));
  const progress = (text: string): void => {
    process.stderr.write(`${text}\n`);
  };
  const results: RowResult[] = [];
  for (const row of rows) {
    progress(`measuring: ${row.title} …`);
    results.push(...(await row.run({ quick: options.quick, progress })));
  }
  const machine = { node: process.version, cores: availableParallelism(), cpu: cpus()[0]?.model ?? 'unknown' };
  const text = options.json
    ? JSON.stringify({ machine, results }, null, 2)
    : `${machine.node} on ${String(machine.cores)} × ${machine.cpu}\n${printTable(results)}`;
  process.stdout.write(`${text}\n`);
  const missed = results.filter((row) => refusalOf(row) === null && !holds(row.gate, row.ratio.median));
  if (results.some((row) => refusalOf(row) !== null)) process.exitCode = 3;
  if (missed.length > 0) process.exitCode = 2;
};

// Ended by whoever waits no longer: exit handlers end the servers that were started, a signal by itself would leave them.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
});
