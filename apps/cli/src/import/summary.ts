import type { ExitCode } from '../context';
import { grouped, printable, table, type Terminal } from '../terminal';
import { quarantineHints } from './quarantine-hints';
import type { ImportPlan, ImportResult } from './run-import';

/** 0 only where every line is in and charged. */
export const exitCodeOf = ({ stopped, tally }: ImportResult): ExitCode => {
  if (stopped !== null) return 3;
  return tally.conflicts + tally.rejected + tally.quarantined > 0 ? 2 : 0;
};

/** What `--json` answers. */
export const documentOf = ({ tally, stopped, report, resumedAtLine }: ImportResult, plan: ImportPlan): object => ({
  file: plan.source.path,
  complete: stopped === null,
  ...tally,
  resumed_at_line: resumedAtLine,
  report,
  state: plan.stateFile,
  ...(stopped === null ? {} : { error: stopped }),
});

/** The same for people. */
export const sayResult = (terminal: Terminal, result: ImportResult, plan: ImportPlan): void => {
  const { tally, stopped, report, resumedAtLine } = result;
  if (resumedAtLine !== null) terminal.err.write(`went on after line ${grouped(resumedAtLine)}\n`);
  const rows = (['lines', 'accepted', 'duplicates', 'conflicts', 'rejected'] as const).map((name) => [
    name,
    grouped(tally[name]),
  ]);
  if (tally.quarantined > 0) rows.splice(3, 0, ['  of these, quarantined', grouped(tally.quarantined)]);
  terminal.out.write(table([printable(plan.source.path), ''], rows));
  for (const hint of quarantineHints(tally)) terminal.err.write(`${hint}\n`);
  if (report !== null) terminal.err.write(`Lines that were not imported, and why: ${report}\n`);
  if (stopped !== null) {
    terminal.err.write(`Stopped: ${stopped.detail}. Run the same command again to go on (${plan.stateFile}).\n`);
  }
};
