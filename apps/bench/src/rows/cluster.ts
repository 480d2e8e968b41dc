import type { AppProcess } from '@drawdown/adapters/cluster/testing/app-process';
import { checkBooks, chargesInLog } from '../cluster/books';
import { type ClusterWorld, fillWorld, openWorld, startFurther } from '../cluster/cluster-world';
import { AMOUNTS, EVERYTHING, headsOf, untilCommitted } from '../cluster/commits';
import { httpIntake } from '../cluster/http-intake';
import { measureR1, writeSmallEvents } from '../cluster/read-rate';
import { rebuildRate } from '../cluster/rebuild';
import { replayRate, takeOverRate } from '../cluster/replay';
import { type Round, type RoundPlan, runRound } from '../cluster/round';
import { oneOrganization, RECORDS_PER_SEND, type Spread, uniform, UsageLoad, zipf } from '../cluster/usage-load';
import { visibleLag } from '../cluster/visible-lag';
import { type Denominator, measureJ } from '../denominators';
import { type Bound, type Row, type RowResult, type RunOptions } from '../row';
import { spreadOf } from '../rounds';

/** The processes of the read models that show amounts, each for itself. */
const APART = ['balance-projector', 'breakdown-projector', 'burn-rate-projector'];
/** Without DRAWDOWN_READ_MODELS it carries all of them. */
const REBUILT_BY = ['projectors'];

/** To find the best shape of a machine without changing the bench. */
const setting = (variable: string, otherwise: number): number => Number(process.env[variable] ?? otherwise);

const atLeast = (value: number): Bound => ({ at: 'least', value });
const atMost = (value: number): Bound => ({ at: 'most', value });

/** Usage events of a round, rounds, small events of R1, seconds under half load, HTTP requests of a round. */
const sizesOf = ({ quick }: RunOptions) =>
  quick
    ? { warm: 30_000, measured: 90_000, rounds: 1, others: 1, small: 20_000, lagSeconds: 6, requests: 200 }
    : { warm: 100_000, measured: 400_000, rounds: 5, others: 3, small: 100_000, lagSeconds: 30, requests: 600 };

/** One run of the row: the cluster, what loads it, and how large everything is. */
interface Run {
  readonly world: ClusterWorld;
  readonly load: UsageLoad;
  readonly size: ReturnType<typeof sizesOf>;
  readonly said: (text: string) => void;
  /** The shards' revisions when the organizations were made. */
  readonly filled: readonly number[];
}

/** Processor seconds by process, and microseconds of each per usage event. */
const processorText = (rounds: readonly Round[]): string => {
  const sums = new Map<string, number>();
  let usages = 0;
  for (const { processor, rate, seconds } of rounds) {
    usages += rate * seconds.committed;
    for (const [name, spent] of processor) sums.set(name, (sums.get(name) ?? 0) + spent);
  }
  const sorted = [...sums].filter(([, spent]) => spent > 0.05).sort((a, b) => b[1] - a[1]);
  const micros = (spent: number): string => ((spent / usages) * 1e6).toFixed(1);
  const all = sorted.reduce((total, [, spent]) => total + spent, 0);
  return `${sorted.map(([name, spent]) => `${name} ${spent.toFixed(1)} s = ${micros(spent)} µs`).join(', ')}; all ${micros(all)} µs`;
};

const several = async (
  { world, load, size, said }: Run,
  name: string,
  plan: Partial<RoundPlan>,
  count: number,
): Promise<Round[]> => {
  const rounds: Round[] = [];
  for (let i = 0; i < count; i++) {
    const round = await runRound(world, load, { ...size, spread: uniform, models: AMOUNTS, said, ...plan });
    rounds.push(round);
    const ratio = round.rate / ((round.kp.before + round.kp.after) / 2);
    said(
      `${name}, round ${String(i + 1)}: ${Math.round(round.rate).toLocaleString('en-US')}/s = ${ratio.toFixed(3)} Kp`,
    );
    said(`  ${processorText([round])}`);
  }
  return rounds;
};

const meanKp = ({ kp }: Round): number => (kp.before + kp.after) / 2;
const rateOf = (rounds: readonly Round[]): number => spreadOf(rounds.map(({ rate }) => rate)).median;
const median = (values: readonly number[]): number => spreadOf(values).median;

const kpOf = (rounds: readonly Round[]): Denominator => ({
  name: 'Kp',
  unit: 'records/s, kafkajs eachBatch + JSON.parse',
  before: median(rounds.map(({ kp }) => kp.before)),
  after: median(rounds.map(({ kp }) => kp.after)),
});

const contextOf = ({ world, size }: Run, rounds: readonly Round[]): Record<string, number | string> => ({
  rounds: rounds.map((round) => (round.rate / meanKp(round)).toFixed(3)).join(' '),
  usages_per_second: Math.round(rateOf(rounds)),
  Kp_raw: Math.round(median(rounds.map(({ kp }) => kp.raw))),
  charges_per_event: Math.round(median(rounds.map(({ density }) => density))),
  bytes_per_charge: Math.round(median(rounds.map(({ bytesPerCharge }) => bytesPerCharge))),
  seconds_stored: median(rounds.map(({ seconds }) => seconds.stored)),
  seconds_committed: median(rounds.map(({ seconds }) => seconds.committed)),
  usages_per_send: RECORDS_PER_SEND,
  lag_when_stored: median(rounds.map(({ lag }) => lag.whenStored)),
  lag_at_the_end: Math.max(...rounds.map(({ lag }) => lag.end)),
  usages_measured: size.measured,
  usages_warming_up: size.warm,
  shards: world.shards,
  workers: world.workers,
  processors: processorText(rounds),
});

const rowOf = (
  run: Run,
  name: string,
  rounds: readonly Round[],
  bounds: Pick<RowResult, 'gate' | 'aim'> = { gate: null, aim: null },
): RowResult => ({
  name,
  unit: 'Kp',
  ratio: spreadOf(rounds.map((round) => round.rate / meanKp(round))),
  ...bounds,
  denominators: [kpOf(rounds)],
  context: contextOf(run, rounds),
});

/** The first row with a process for each read model, as it is where there are cores for them. */
const apart = async (run: Run): Promise<Round[]> => {
  const { world, size } = run;
  const together = world.cluster.app('projectors');
  await together.stop();
  const processes: AppProcess[] = [];
  try {
    processes.push(...(await startFurther(world, APART)));
    await Promise.all(processes.map((one) => one.ready()));
    const pids = (): Record<string, number> => ({
      ...world.pids(),
      ...Object.fromEntries(processes.map(({ name, pid }) => [name, pid])),
    });
    return await several({ ...run, world: { ...world, pids } }, 'a process for each read model', {}, size.others);
  } finally {
    await Promise.allSettled(processes.map((one) => one.stop()));
    together.start();
  }
};

/** The rows in which the balance, breakdown and burn rate are committed, while no transaction rows are written. */
const amounts = async (run: Run): Promise<RowResult[]> => {
  const { world, load, size, said } = run;
  await world.cluster.app('transactions-projector').stop();
  const rounds = await several(run, 'uniform', {}, size.rounds);
  const others = async (name: string, spread: Spread): Promise<Round[]> => several(run, name, { spread }, size.others);
  const hot = await others('one wallet', oneOrganization);
  const skewed = await others('Zipf', zipf());
  const separate = await apart(run);
  await world.cluster.app('projectors').ready();
  const books = await checkBooks(world, load.next);
  said(`books: ${String(books.charges)} charges of ${String(books.credits)} nanocredits in log and read models`);
  return [
    rowOf(run, 'Kafka usage → durable → balance, breakdown, burn rate committed (by one process)', rounds, {
      gate: atLeast(0.2),
      aim: atLeast(0.35),
    }),
    rowOf(run, 'the same, a process for each of the three', separate, { gate: atLeast(0.2), aim: atLeast(0.35) }),
    {
      ...rowOf(run, 'the same, all load on one wallet', hot),
      unit: '× the first row',
      ratio: spreadOf(
        hot.map((round) => round.rate / meanKp(round) / median(rounds.map((one) => one.rate / meanKp(one)))),
      ),
      gate: atLeast(1),
      aim: atLeast(1.5),
    },
    rowOf(run, 'the same, Zipf 1.0', skewed),
  ];
};

/** Bytes of the tables and indexes of a read model, by what their names begin with. */
const bytesOf = async ({ database }: ClusterWorld, name: string): Promise<number> => {
  const [row] = await database.query<{ bytes: string }>(
    "SELECT sum(pg_total_relation_size(oid)) AS bytes FROM pg_class WHERE relkind = 'r' AND relname LIKE $1",
    [`${name}%`],
  );
  return Number(row?.bytes);
};

/** All read models written; the load at which the lag and the rebuild of all of them are measured comes from it. */
const everything = async (run: Run): Promise<{ result: RowResult; live: number }> => {
  const { world, size } = run;
  const projector = world.cluster.app('transactions-projector');
  projector.start();
  await projector.ready();
  await untilCommitted(world, EVERYTHING);
  const rounds = await several(run, 'with transactions', { models: EVERYTHING }, size.others);
  const bounds = { gate: atLeast(0.08), aim: atLeast(0.15) };
  const result = rowOf(run, 'the same, every transaction row queryable, too', rounds, bounds);
  const bytes = Math.round((await bytesOf(world, 'transactions')) / run.load.next);
  const context = { ...result.context, bytes_in_postgres_a_transaction: bytes };
  return { result: { ...result, context }, live: rateOf(rounds) };
};

const overHttp = async ({ world, load, size, said }: Run): Promise<RowResult> => {
  const row = await httpIntake(world, load, size.requests, size.others + 1);
  said(`over HTTP: ${Number(row.context['events_per_second']).toLocaleString('en-US')} events/s`);
  await untilCommitted(world, EVERYTHING);
  return row;
};

const halfLoad = async ({ world, load, size, said }: Run, live: number): Promise<RowResult> => {
  await visibleLag(world, load, live / 4, size.lagSeconds / 2);
  const { p50, p99, offered, batches } = await visibleLag(world, load, live / 2, size.lagSeconds);
  said(`usage → visible balance: p50 ${p50.toFixed(0)}, p99 ${p99.toFixed(0)} ms at ${String(offered)}/s`);
  return {
    name: 'usage produced → balance visible at half load, p99',
    unit: 'ms',
    ratio: spreadOf([p99]),
    gate: atMost(250),
    aim: atMost(60),
    denominators: [],
    context: {
      p50_ms: p50,
      offered_per_second: offered,
      batches,
      load: 'open loop, a batch each 20 ms; all read models run, at half of what they take together',
    },
  };
};

const replay = async ({ world, load, size, said, filled }: Run): Promise<RowResult> => {
  const { events } = await chargesInLog(world);
  const rates: number[] = [];
  // Once without counting: code that is not warm yet reads at less than half its rate.
  await replayRate(world, filled, load.next);
  await measureR1(world.store, size.small);
  const before = await measureR1(world.store, size.small);
  for (let i = 0; i < size.others; i++) rates.push(await replayRate(world, filled, load.next));
  const R1 = { name: 'R1', unit: 'events/s', before, after: await measureR1(world.store, size.small) };
  const takenOver = await takeOverRate(world, load.next);
  said(
    `replay: ${Math.round(median(rates)).toLocaleString('en-US')} charges/s, R1 ${Math.round(R1.before)} → ${Math.round(R1.after)}`,
  );
  return {
    name: 'replay of the balances from the log',
    unit: 'R1',
    ratio: spreadOf(rates.map((rate) => rate / ((R1.before + R1.after) / 2))),
    gate: atLeast(8),
    aim: atLeast(20),
    denominators: [R1],
    context: {
      charges_per_second: Math.round(median(rates)),
      charges: load.next,
      charges_per_event: Math.round(load.next / events),
      charges_per_second_of_an_owner_that_takes_shards_over: Math.round(takenOver),
    },
  };
};

const rebuild = async ({ world, load, said }: Run, live: number): Promise<RowResult> => {
  const rate = await rebuildRate(world, REBUILT_BY, EVERYTHING, load.next);
  said(`rebuild: ${Math.round(rate).toLocaleString('en-US')} charges/s`);
  return {
    name: 'rebuild of all read models',
    unit: '× live',
    ratio: spreadOf([rate / live]),
    gate: atLeast(3),
    aim: atLeast(8),
    denominators: [],
    context: {
      charges_per_second: Math.round(rate),
      charges: load.next,
      by: REBUILT_BY.join(', '),
      live: 'the row with every transaction row',
    },
  };
};

/** Everything that needs the distributed form. */
export const cluster: Row = {
  key: 'cluster',
  title: 'the distributed form: usage on Kafka until its balance is committed',
  run: async (options) => {
    const size = sizesOf(options);
    const started = performance.now();
    const said = (text: string): void => {
      options.progress(`  ${((performance.now() - started) / 1000).toFixed(0)} s: ${text}`);
    };
    const world = await openWorld({ shards: setting('BENCH_SHARDS', 2), workers: setting('BENCH_WORKERS', 1) });
    const load = new UsageLoad(world);
    try {
      said('the cluster runs; making organizations');
      await fillWorld(world);
      await untilCommitted(world, AMOUNTS);
      const run: Run = { world, load, size, said, filled: await headsOf(world) };
      await writeSmallEvents(world.store, size.small);
      await load.start();
      said('organizations made');
      const J = measureJ();
      const results = await amounts(run);
      if (process.env['BENCH_ONLY'] === 'first') return results;
      const all = await everything(run);
      const measured = [
        ...results,
        all.result,
        await overHttp(run),
        await halfLoad(run, all.live),
        await replay(run),
        await rebuild(run, all.live),
      ];
      await checkBooks(world, load.next);
      const shared = {
        broker: 'Apache Kafka (KRaft)',
        store: 'double of EventStoreDB',
      };
      return measured.map((row) => ({ ...row, context: { ...row.context, ...shared, J: Math.round(J) } }));
    } finally {
      await load.stop();
      await world.stop();
    }
  },
};
