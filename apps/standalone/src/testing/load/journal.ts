import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Reply } from '../api';

/** A request that changes something. Sent again it is the same request: by its key, or by the ids of its events. */
export interface Operation {
  readonly n: number;
  readonly kind: 'usage' | 'grant' | 'hold' | 'capture' | 'release' | 'refund';
  readonly organization: string;
  readonly path: string;
  readonly body: unknown;
  readonly key: string | null;
}

/** What the journal knows of an operation once it is over: `reply` is the first definite answer, null where there was none. */
export interface Journaled {
  readonly operation: Operation;
  readonly reply: Reply | null;
  readonly tries: number;
  /** Why each try before that was not the last: no answer, or one that decides nothing. */
  readonly failures: readonly string[];
}

type Entry =
  | { readonly at: 'sent'; readonly operation: Operation }
  | { readonly at: 'answered'; readonly n: number; readonly reply: Reply }
  | { readonly at: 'failed'; readonly n: number; readonly reason: string };

/** The client's own record of what it asked and was told: a line is on the disk before a request and after each reply. */
export class Journal {
  private readonly handle: number;

  constructor(private readonly file: string) {
    this.handle = openSync(file, 'a');
  }

  write(entry: Entry): void {
    writeSync(this.handle, `${JSON.stringify(entry)}\n`);
    fsyncSync(this.handle);
  }

  close(): void {
    closeSync(this.handle);
  }

  /** All operations in the order in which they were first sent. */
  read(): readonly Journaled[] {
    const found = new Map<number, { operation: Operation; reply: Reply | null; tries: number; failures: string[] }>();
    for (const line of readFileSync(this.file, 'utf8').split('\n')) {
      if (line === '') continue;
      const entry = JSON.parse(line) as Entry;
      if (entry.at === 'sent') {
        const { operation } = entry;
        const known = found.get(operation.n);
        if (known === undefined) found.set(operation.n, { operation, reply: null, tries: 1, failures: [] });
        else known.tries++;
        continue;
      }
      const known = found.get(entry.n);
      if (entry.at === 'answered' && known !== undefined) known.reply ??= entry.reply;
      if (entry.at === 'failed') known?.failures.push(entry.reason);
    }
    return [...found.values()];
  }
}
