import type { ApiClient } from '../api/client';
import { GaveUp } from '../api/retry';
import { type Batch, batchesOf } from './batches';
import { OrderedWindow } from './ordered-window';
import { readItems, type ToEvent } from './records';
import { ErrorReport } from './report';
import { type JudgedFault, sendEvents, type SendOptions, type Sent } from './send';
import type { SourceFile } from './source-file';
import { readState, type State, writeState } from './state';
import { NOTHING, type Tally, tallied } from './tally';

export interface ImportPlan {
  readonly source: SourceFile;
  readonly toEvent: ToEvent;
  /** Text that is another one where lines would become other events. */
  readonly mapping: string;
  readonly stateFile: string;
  readonly reportFile: string;
  /** Forget what an earlier run did. */
  readonly restart: boolean;
  readonly send: SendOptions;
  /** Requests under way at once. */
  readonly concurrency: number;
}

/** Told after each step how far the file is done. */
export type Watch = (doneBytes: number, tally: Tally) => void;

export interface ImportResult {
  readonly tally: Tally;
  /** Lines that an earlier run had done. */
  readonly resumedAtLine: number | null;
  /** Null where every line is done; running the same command again goes on. */
  readonly stopped: { readonly code: 'unreachable' | 'interrupted'; readonly detail: string } | null;
  readonly report: string | null;
}

/**
 * Imports what of a file is not imported yet. Rejects with UsageError where nothing can be done, and with ApiProblem
 * where the server refuses the whole (a wrong key); what was done until then is kept all the same.
 */
export const runImport = async (
  client: ApiClient,
  plan: ImportPlan,
  watch: Watch,
  signal: AbortSignal,
): Promise<ImportResult> => {
  const books = new ImportBooks(client, plan);
  const resumedAtLine = books.resumedAtLine;
  watch(books.state.next.offset, books.state.tally);
  const stop = new AbortController();
  const either = AbortSignal.any([signal, stop.signal]);
  const window = new OrderedWindow<Settled>(plan.concurrency, (settled) => {
    books.enter(settled);
    watch(books.state.next.offset, books.state.tally);
  });
  let stopped: ImportResult['stopped'] = null;
  try {
    for await (const batch of batchesOf(readItems(plan.source, books.state.next, plan.toEvent, either))) {
      await window.add(async () => ({ batch, sent: await settle(client, batch, plan, either) }));
    }
    await window.drain();
    books.finish();
  } catch (error) {
    stop.abort();
    await window.drain().catch(() => undefined); // the first failure is the one being handled
    stopped = stopOf(error, signal);
    if (stopped === null) throw error;
  } finally {
    books.close();
  }
  return { tally: books.state.tally, resumedAtLine, stopped, report: books.reportFile };
};

/** Why an import stopped before its end; null for what is no stop but a failure. */
const stopOf = (error: unknown, signal: AbortSignal): ImportResult['stopped'] => {
  if (signal.aborted) return { code: 'interrupted', detail: 'interrupted' };
  return error instanceof GaveUp ? { code: 'unreachable', detail: error.message } : null;
};

interface Settled {
  readonly batch: Batch;
  readonly sent: Sent;
}

const settle = async (client: ApiClient, batch: Batch, plan: ImportPlan, signal: AbortSignal): Promise<Sent> => {
  const answers = batch.events.length === 0 ? [] : await sendEvents(client, batch.events, plan.send, signal);
  const faults: JudgedFault[] = batch.faults.map((fault) => ({ ...fault, outcome: 'rejected' }));
  for (const answer of answers) faults.push(...answer.faults);
  const { accepted, duplicates, position } = answers.reduce((sum, answer) => tallied(sum, 0, answer), NOTHING);
  return { accepted, duplicates, position, faults: faults.sort((a, b) => a.line - b.line) };
};

/** State and report of an import: what of the file is done, without holes. */
class ImportBooks {
  state: State;
  readonly resumedAtLine: number | null;
  private readonly report: ErrorReport;

  constructor(
    client: ApiClient,
    private readonly plan: ImportPlan,
  ) {
    const { source, mapping, stateFile, restart } = plan;
    const made = { server: client.url, file_bytes: source.size, file_head_sha256: source.headHash, mapping };
    const earlier = restart ? null : readState(stateFile, made);
    this.resumedAtLine = earlier === null || earlier.tally.lines === 0 ? null : earlier.next.line;
    this.state = earlier ?? {
      version: 1,
      made,
      next: source.start,
      tally: NOTHING,
      report_bytes: 0,
      complete: false,
    };
    this.report = new ErrorReport(plan.reportFile, this.state.report_bytes);
    writeState(stateFile, this.state);
  }

  get reportFile(): string | null {
    return this.report.bytes > 0 ? this.report.file : null;
  }

  /** The report is written first: where a kill comes between, the next run cuts it back to what the state knows. */
  enter({ batch, sent }: Settled): void {
    this.report.add(sent.faults);
    this.state = {
      ...this.state,
      next: batch.end,
      tally: tallied(this.state.tally, batch.lines, sent),
      report_bytes: this.report.bytes,
    };
    writeState(this.plan.stateFile, this.state);
  }

  finish(): void {
    this.state = { ...this.state, complete: true };
    writeState(this.plan.stateFile, this.state);
  }

  close(): void {
    this.report.close();
  }
}
