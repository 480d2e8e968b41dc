import { type Command, InvalidArgumentError, Option } from 'commander';
import { ApiClient } from '../api/client';
import type { Context, ExitCode, GlobalOptions } from '../context';
import { eventsOfDay } from '../demo/day';
import { feedDay, HOURS_OF_DAY } from '../demo/feed';
import { type CustomerFindings, explainCharge, type ExplainedCharge, findCustomers } from '../demo/findings';
import { PatientClient } from '../demo/patient-client';
import { startOwnServer } from '../demo/own-server';
import * as say from '../demo/say';
import { endOfHour, setStage } from '../demo/stage';
import { showProgress } from '../progress';
import { grouped } from '../terminal';

const EVENTS_MAX = 1_000_000;

interface DemoOptions extends GlobalOptions {
  readonly events: number;
  readonly seed: bigint;
  readonly day: string;
}

const count = (text: string): number => {
  if (/^[1-9]\d*$/.test(text) && Number(text) <= EVENTS_MAX) return Number(text);
  throw new InvalidArgumentError(`a whole number, 1 to ${String(EVENTS_MAX)}`);
};

const seed = (text: string): bigint => {
  if (/^\d{1,19}$/.test(text)) return BigInt(text);
  throw new InvalidArgumentError('a whole number');
};

const date = (text: string): string => {
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))) return text;
  throw new InvalidArgumentError('write 2026-03-02');
};

export const addDemo = (program: Command, context: Context, finish: (code: ExitCode) => void): void => {
  program
    .command('demo')
    .description(
      'Live through a day of a small agent company: usage, balances, burn rates, and the biggest charges explained.',
    )
    .option('--events <n>', 'usage events of the day', count, 12_000)
    .addOption(new Option('--seed <n>', 'another seed is another day').argParser(seed).default(1n, '1'))
    .option('--day <date>', 'the day', date, '2026-03-02')
    .addHelpText(
      'after',
      '\nWhere no server answers at --url (DRAWDOWN_URL), one is started for the demo and ended with it.\nWith a server that runs already, give its admin key: --key, or DRAWDOWN_ADMIN_KEY.\nIt must have test clocks: DRAWDOWN_TEST_CLOCKS=1, without which NODE_ENV=production has none.',
    )
    .action(async (_: unknown, command: Command) => {
      finish(await demo(command.optsWithGlobals(), context));
    });
};

const demo = async (options: DemoOptions, context: Context): Promise<ExitCode> => {
  const { environment, signal, terminal } = context;
  const given = new ApiClient(options.url, options.key ?? environment['DRAWDOWN_ADMIN_KEY']);
  if (await given.isReachable(signal)) return play(given, `demo-${Date.now().toString(36)}-`, options, context);
  if (options.json !== true) terminal.err.write(`no server at ${given.url}: starting one for the demo\n`);
  const own = await startOwnServer(signal);
  try {
    return await play(new ApiClient(own.url, own.key), '', options, context);
  } finally {
    await own.stop();
  }
};

const play = async (api: ApiClient, prefix: string, options: DemoOptions, context: Context): Promise<ExitCode> => {
  const { terminal, signal } = context;
  const client = new PatientClient(api, signal);
  const stage = await setStage(client, options.day, prefix);
  const events = eventsOfDay(options.day, options.events, options.seed);
  const progress = showProgress(terminal, options.day, events.length, options.json === true);
  const fed = await feedDay(client, stage, events, (done) =>
    progress.update(done, events[done - 1]?.time.slice(11, 16) ?? ''),
  ).finally(() => progress.stop());
  const customers = await findCustomers(client, stage, fed.position);
  const charges: ExplainedCharge[] = [];
  for (const charge of fed.biggest) charges.push(await explainCharge(client, stage, charge));
  const summary = {
    day: options.day,
    events: events.length,
    charged: fed.charged,
    others: Object.fromEntries(fed.others),
  };
  if (options.json === true) {
    const organizations = customers.map(({ burnRate, ...found }) => ({ ...found, burn_rate: burnRate }));
    const said = { server: client.url, ...summary, organizations, biggest_charges: charges };
    terminal.out.write(`${JSON.stringify(said)}\n`);
  } else {
    sayAll(terminal.out, summary, customers, charges);
  }
  return 0;
};

const sayAll = (
  out: NodeJS.WritableStream,
  { day, events, charged }: { readonly day: string; readonly events: number; readonly charged: number },
  customers: readonly CustomerFindings[],
  charges: readonly ExplainedCharge[],
): void => {
  out.write(
    `${day}: ${grouped(events)} usage events, ${grouped(charged)} charged. Credits as of ${endOfHour(day, HOURS_OF_DAY)}:\n`,
  );
  out.write(say.balances(customers));
  out.write(`\nWhere they went, by workspace:\n${say.workspaces(customers)}`);
  out.write(`\nHow fast, and until when:\n${say.burnRates(customers)}`);
  out.write('\nThe biggest charges, explained:\n');
  charges.forEach((charge, index) => out.write(say.explanation(charge, index + 1)));
};
