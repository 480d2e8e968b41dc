import { StreamUnavailable } from '@drawdown/ports';
import { Command, CommanderError } from 'commander';
import { ApiProblem, Unreachable } from './api/client';
import { GaveUp } from './api/retry';
import { addDeadLetters } from './commands/dead-letters';
import { addDemo } from './commands/demo';
import { addImport } from './commands/import';
import type { Context, ExitCode } from './context';
import { printable } from './terminal';
import { UsageError } from './usage-error';

const VERSION = '0.1.0';

/** Runs one command line; resolves with the process's exit code. Nothing is written but to the context's terminal. */
export const run = async (words: readonly string[], context: Context): Promise<ExitCode> => {
  let code: ExitCode = 0;
  const program = programOf(context, (result) => {
    code = result;
  });
  try {
    await program.parseAsync([...words], { from: 'user' });
    return code;
  } catch (error) {
    return failed(error, words.includes('--json'), context);
  }
};

const programOf = (context: Context, finish: (code: ExitCode) => void): Command => {
  const { terminal, environment } = context;
  const program = new Command('drawdown')
    .description('Prepaid credits and usage billing')
    .version(VERSION)
    .option('--url <url>', 'the server', environment['DRAWDOWN_URL'] ?? 'http://127.0.0.1:3000')
    .option('--key <key>', 'API key (default: DRAWDOWN_ADMIN_KEY)')
    .option('--json', 'one JSON object on standard output, for programs')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out.write(text),
      writeErr: (text) => terminal.err.write(text),
    });
  addImport(program, context, finish);
  addDemo(program, context, finish);
  addDeadLetters(program, context, finish);
  for (const command of withSubcommands(program)) command.copyInheritedSettings(program);
  return program;
};

const withSubcommands = (program: Command): readonly Command[] =>
  program.commands.flatMap((command) => [command, ...command.commands]);

/** Says what went wrong, to people or as JSON. */
const failed = (error: unknown, json: boolean, { terminal, signal }: Context): ExitCode => {
  if (error instanceof CommanderError && (error.exitCode === 0 || !json)) return error.exitCode === 0 ? 0 : 1; // it was said
  const { code, detail, exit } = described(error, signal.aborted);
  if (json) terminal.out.write(`${JSON.stringify({ error: { code, detail } })}\n`);
  else terminal.err.write(`drawdown: ${printable(detail)}\n`);
  return exit;
};

const described = (error: unknown, interrupted: boolean): { code: string; detail: string; exit: ExitCode } => {
  if (interrupted) return { code: 'interrupted', detail: 'interrupted', exit: 3 };
  if (error instanceof CommanderError && error.code === 'commander.help') {
    return { code: 'usage', detail: 'a command is missing: --help shows which there are', exit: 1 };
  }
  if (error instanceof UsageError || error instanceof CommanderError) {
    return { code: 'usage', detail: error.message, exit: 1 };
  }
  if (error instanceof ApiProblem) {
    const hint = error.status === 401 ? ' (give --key or DRAWDOWN_ADMIN_KEY)' : '';
    return { code: error.code, detail: `the server refuses: ${error.message}${hint}`, exit: 1 };
  }
  if (error instanceof Unreachable || error instanceof GaveUp) {
    return { code: 'unreachable', detail: error.message, exit: 3 };
  }
  if (error instanceof StreamUnavailable) {
    return { code: 'unreachable', detail: `the brokers do not answer: ${error.message}`, exit: 3 };
  }
  throw error;
};
