import path from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { ApiClient } from '../api/client';
import type { Context, ExitCode, GlobalOptions } from '../context';
import { mapper } from '../import/mapping';
import { mappingOf, type MappingOptions, textOfMapping } from '../import/options';
import { HISTORY, TIME_LIMITS } from '../import/quarantine-hints';
import { type ImportPlan, runImport } from '../import/run-import';
import { type Format, openSource, type SourceFile } from '../import/source-file';
import { documentOf, exitCodeOf, sayResult } from '../import/summary';
import { TARGETS } from '../import/targets';
import { showProgress } from '../progress';
import { grouped } from '../terminal';

const CONCURRENCY_MAX = 32;
const RETRY_FOR_MS = 60_000;

interface ImportOptions extends GlobalOptions, MappingOptions {
  readonly format?: Format;
  readonly delimiter?: string;
  readonly state?: string;
  readonly report?: string;
  readonly restart?: boolean;
  readonly retryFor: number;
  readonly concurrency: number;
  readonly wait: boolean;
}

const collected = (value: string, before: readonly string[] = []): string[] => [...before, value];

const duration = (text: string): number => {
  const [, amount, unit = 's'] = /^(\d{1,7})(ms|s|m|h)?$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('write 500ms, 60s, 5m or 1h');
  return Number(amount) * ({ ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit] ?? 1);
};

const wholeUpTo =
  (max: number) =>
  (text: string): number => {
    const number = Number(text);
    if (!/^\d+$/.test(text) || number < 1 || number > max)
      throw new InvalidArgumentError(`a whole number, 1 to ${String(max)}`);
    return number;
  };

const delimiterOf = (text: string): string => {
  const delimiter = text === 'tab' || text === '\\t' ? '\t' : text;
  if (delimiter.length !== 1 || /["\r\n]/.test(delimiter)) throw new InvalidArgumentError('one character, or tab');
  return delimiter;
};

const EXAMPLE = `
Targets: ${TARGETS.join(', ')}.
A CSV column that has the name of a target needs no --map. NDJSON lines may also be complete CloudEvents: then give
no --map, --set or --spread.

Example:
  drawdown import usage.csv --map time=TIMESTAMP --map quantities.input_tokens=ContextTokens \\
    --map quantities.output_tokens=GeneratedTokens --set service_type=llm_call --time-utc \\
    --spread organizations=200,seed=7,prefix=org- --spread-workspaces 5 --spread-models small,large

Times: ${TIME_LIMITS};
other usage is quarantined.
${HISTORY}

Exit codes: 0 all lines are in; 1 wrong usage; 2 some lines are bad (see the report); 3 stopped, run it again.`;

export const addImport = (program: Command, context: Context, finish: (code: ExitCode) => void): void => {
  program
    .command('import')
    .argument('<file>', 'CSV with a header, or NDJSON; a record is a line')
    .description('Import usage from a file. Running it again goes on where it stopped; nothing is charged twice.')
    .addOption(new Option('--format <format>', 'default: by extension').choices(['csv', 'ndjson']))
    .option('--delimiter <character>', 'of CSV; "tab" for tabs (default: ",")', delimiterOf)
    .option('--map <target=column>', 'take a target from a column (repeatable)', collected)
    .option('--set <target=value>', 'the same value for every line (repeatable)', collected)
    .option('--organization <id>', 'all lines are of this organization')
    .option('--source <source>', 'of the events (default: import:<file name>)')
    .option('--time-utc', 'read times without a zone as UTC, also with a space instead of T')
    .option('--spread <rule>', 'organizations=N[,seed=S][,prefix=P][,rule=zipf|uniform]: assign lines by a fixed rule')
    .option('--spread-workspaces <n>', 'and to ws-1 … ws-n')
    .option('--spread-users <n>', 'and to user-1 … user-n')
    .option('--spread-models <a,b,c>', 'and to these models')
    .option('--state <file>', 'what is done so far (default: <file>.drawdown-import.json)')
    .option('--report <file>', 'lines that were not imported, and why (default: <file>.errors.ndjson)')
    .option('--restart', 'forget the state of an earlier run and read the file from its beginning')
    .addOption(
      new Option('--retry-for <duration>', 'how long a server that is away is waited for')
        .argParser(duration)
        .default(RETRY_FOR_MS, '60s'),
    )
    .option('--concurrency <n>', 'requests at once; 1 keeps the order of the file', wholeUpTo(CONCURRENCY_MAX), 4)
    .option('--no-wait', 'do not ask what became of each event: faster, but conflicts and quarantine may go unseen')
    .addHelpText('after', EXAMPLE)
    .action(async (file: string, _: unknown, command: Command) => {
      finish(await importFile(file, command.optsWithGlobals(), context));
    });
};

const importFile = async (file: string, options: ImportOptions, context: Context): Promise<ExitCode> => {
  const { terminal, signal } = context;
  const source = await openSource(file, options, signal);
  const plan = planOf(source, options);
  const client = new ApiClient(options.url, options.key ?? context.environment['DRAWDOWN_ADMIN_KEY']);
  const progress = showProgress(terminal, path.basename(file), source.size, options.json === true);
  try {
    const result = await runImport(
      client,
      plan,
      (bytes, { lines }) => progress.update(bytes, `${grouped(lines)} lines`),
      signal,
    );
    progress.stop();
    if (options.json === true) terminal.out.write(`${JSON.stringify(documentOf(result, plan))}\n`);
    else sayResult(terminal, result, plan);
    return exitCodeOf(result);
  } finally {
    progress.stop();
  }
};

const planOf = (source: SourceFile, options: ImportOptions): ImportPlan => {
  const mapping = mappingOf(source, options);
  return {
    source,
    toEvent: mapping === null ? null : mapper(mapping),
    mapping: textOfMapping(source, mapping),
    stateFile: options.state ?? `${source.path}.drawdown-import.json`,
    reportFile: options.report ?? `${source.path}.errors.ndjson`,
    restart: options.restart === true,
    send: { wait: options.wait, retryForMs: options.retryFor },
    concurrency: options.concurrency,
  };
};
