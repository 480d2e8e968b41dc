import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { type Decision, decide, type Expected } from './expected-revision';
import type { LoggedEvent, ProposedEvent } from './logged-event';
import { LogFile, type PlacedRecord, placed, recordBytes } from './log-file';
import { RecentIds } from './recent-ids';
import { firstVisible, isSoftDeleted, type StreamMetadata, streamMetadata, undeleted } from './stream-metadata';

export type Written =
  | Exclude<Decision, { outcome: 'write' | 'repeated' }>
  | { readonly outcome: 'written' | 'repeated'; readonly revision: number; readonly position: number | undefined }
  /** The disk takes nothing. */
  | { readonly outcome: 'failed' };

interface Waiting {
  readonly stream: string;
  readonly expected: Expected;
  readonly events: readonly ProposedEvent[];
  readonly tombstone?: true;
  readonly answer: (written: Written) => void;
}

/** The events of the double, of which everybody sees only what is on disk. Appends that wait share one fsync. */
export class EventLog {
  readonly all: LoggedEvent[] = [];
  private readonly streams = new Map<string, LoggedEvent[]>();
  private readonly tombstoned = new Set<string>();
  private readonly recent = new RecentIds();
  private waiting: Waiting[] = [];
  private flushing: Promise<void> | undefined;
  private readonly sleepers = new Set<() => void>();
  /** Ids of events that are being written, by stream: nobody can read them yet. */
  private readonly staged = new Map<string, readonly string[]>();
  /** Set by a fault: nothing can be written. */
  diskFull = false;
  /** Set by a fault: so long every write takes. */
  writeMs = 0;

  private constructor(private readonly file: LogFile) {}

  static async open(folder: string): Promise<EventLog> {
    const { file, records } = await LogFile.open(folder);
    const log = new EventLog(file);
    for (const record of records) log.apply(record);
    log.recent.clear(); // memory of the process, empty after a restart
    return log;
  }

  stream(name: string): readonly LoggedEvent[] {
    return this.streams.get(name) ?? [];
  }

  /** The metadata of a stream ends with it (IndexReader.cs, `GetStreamLastEventNumberCached`). */
  isTombstoned(name: string): boolean {
    return this.tombstoned.has(name.replace(/^\$\$/, ''));
  }

  metadataOf(event: LoggedEvent): Buffer {
    return this.file.read(event.bytesAt, event.metadataBytes);
  }

  dataOf(event: LoggedEvent): Buffer {
    return this.file.read(event.bytesAt + event.metadataBytes, event.dataBytes);
  }

  /** The stream's own metadata: the last event of `$$name`. */
  metadataOfStream(name: string): StreamMetadata {
    const last = this.stream(`$$${name}`).at(-1);
    return last === undefined ? {} : streamMetadata(this.dataOf(last));
  }

  append(stream: string, expected: Expected, events: readonly ProposedEvent[]): Promise<Written> {
    return this.enqueue({ stream, expected, events });
  }

  tombstone(stream: string, expected: Expected): Promise<Written> {
    return this.enqueue({ stream, expected, events: [], tombstone: true });
  }

  /** Resolves at the next commit, or when `signal` aborts. */
  async news(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.sleepers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.sleepers.add(wake);
      signal.addEventListener('abort', wake);
    });
  }

  async close(): Promise<void> {
    while (this.flushing !== undefined) await this.flushing;
    await this.file.close();
  }

  private enqueue(request: Omit<Waiting, 'answer'>): Promise<Written> {
    return new Promise((answer) => {
      const refused = this.refusedAtOnce(request);
      if (refused !== undefined) return answer(refused);
      this.waiting.push({ ...request, answer });
      this.flushing ??= this.flush();
    });
  }

  /**
   * StorageWriterService.cs, `Handle(WritePrepares)`: CheckCommit knows what was written a moment ago (`PreCommit`), and a
   * wrong version is answered by `ActOnCommitCheckFailure`, before that is flushed, replicated and in the index that reads
   * use. All else waits here; an identical append is dropped there (`IdempotentNotReady`), for which there is a fault.
   */
  private refusedAtOnce({ stream, expected, events }: Omit<Waiting, 'answer'>): Written | undefined {
    if (!this.staged.has(stream)) return undefined;
    const decision = this.decision(stream, expected, events);
    return decision.outcome === 'wrong version' ? decision : undefined;
  }

  private decision(stream: string, expected: Expected, events: readonly ProposedEvent[]): Decision {
    const [stored, staged] = [this.stream(stream), this.staged.get(stream) ?? []];
    const state = {
      current: stored.length + staged.length - 1,
      tombstoned: this.isTombstoned(stream),
      softDeleted: isSoftDeleted(this.metadataOfStream(stream)),
      idAt: (revision: number) => stored[revision]?.id ?? staged[revision - stored.length],
      recent: (id: string) => this.recent.revision(stream, id),
    };
    return decide(
      state,
      expected,
      events.map(({ id }) => id),
    );
  }

  private async flush(): Promise<void> {
    await turn(); // what arrives in the same turn shares the fsync
    while (this.waiting.length > 0) await this.flushGroup();
    this.flushing = undefined;
  }

  /** Takes at most one append per stream, so that each is decided on what is on disk. */
  private async flushGroup(): Promise<void> {
    const [later, taken]: [Waiting[], { waiting: Waiting; answer: () => void }[]] = [[], []];
    const touched = new Set<string>();
    const group: { record: PlacedRecord; bytes: Buffer }[] = [];
    let at = this.file.nextAt;
    const put = (stream: string, first: number, events: readonly ProposedEvent[], tombstone?: true): PlacedRecord => {
      const written = encoded(stream, first, events, tombstone);
      const record = placed(written.record, at);
      group.push({ record, bytes: written.bytes });
      at += written.bytes.byteLength;
      return record;
    };
    for (const waiting of this.waiting) {
      const refused = this.refusedAtOnce(waiting);
      if (refused !== undefined) waiting.answer(refused);
      else if (touched.has(waiting.stream)) later.push(waiting);
      else {
        touched.add(waiting.stream);
        taken.push({ waiting, answer: this.take(waiting, put) });
      }
    }
    this.waiting = later;
    try {
      if (group.length > 0 && this.writeMs > 0) await pause(this.writeMs);
      if (group.length > 0) await this.file.write(group.map(({ bytes }) => bytes));
    } catch (error) {
      process.stderr.write(`the log cannot be written: ${String(error)}\n`);
      for (const { waiting } of taken) waiting.answer({ outcome: 'failed' });
      return;
    } finally {
      this.staged.clear();
    }
    for (const { record } of group) this.apply(record);
    for (const { answer } of taken) answer();
    for (const wake of [...this.sleepers]) wake();
  }

  /** Decides one append and stages what it writes; the result answers it once that is on disk. */
  private take(
    { stream, expected, events, tombstone, answer }: Waiting,
    put: (stream: string, first: number, events: readonly ProposedEvent[], tombstone?: true) => PlacedRecord,
  ): () => void {
    const current = this.stream(stream).length - 1;
    const softDeleted = isSoftDeleted(this.metadataOfStream(stream));
    const decision = this.decision(stream, expected, events);
    if (decision.outcome === 'repeated') {
      const { last } = decision;
      // IndexWriter, `IdempotentLogPosition`: the server reads what it has, and does not find what is hidden.
      const isHidden = last < firstVisible(this.stream(stream), this.metadataOfStream(stream));
      const position = isHidden ? undefined : this.stream(stream)[last]?.position;
      return () => answer({ outcome: 'repeated', revision: last, position });
    }
    if (decision.outcome !== 'write') return () => answer(decision);
    if (this.diskFull) return () => answer({ outcome: 'failed' });
    // IndexWriter, "SoftUndeleteStream": an append to a soft-deleted stream moves $tb to its first event.
    if (softDeleted && events.length > 0) {
      put(`$$${stream}`, this.stream(`$$${stream}`).length, [undeleted(current + 1)]);
    }
    if (events.length > 0 && !tombstone) {
      this.staged.set(
        stream,
        events.map(({ id }) => id),
      );
    }
    if (events.length > 0 || tombstone) {
      const { at } = put(stream, current + 1, events, tombstone);
      const position = at + Math.max(events.length - 1, 0);
      return () => answer({ outcome: 'written', revision: current + events.length, position });
    }
    return () => answer({ outcome: 'written', revision: current, position: undefined });
  }

  private apply({ record, at, bodyAt }: PlacedRecord): void {
    const { stream, first, created, tombstone } = record;
    if (tombstone) this.tombstoned.add(stream);
    const list = this.streams.get(stream) ?? [];
    if (!tombstone) this.streams.set(stream, list);
    let bytesAt = bodyAt;
    for (const [index, event] of record.events.entries()) {
      const place = { stream, revision: tombstone ? -1 : first + index, position: at + index };
      const logged: LoggedEvent = { ...event, ...place, created, bytesAt };
      bytesAt += event.metadataBytes + event.dataBytes;
      this.all.push(logged);
      if (tombstone) continue;
      list.push(logged);
      this.recent.add(stream, event.id, first + index);
    }
  }
}

const TOMBSTONE: ProposedEvent = {
  id: '00000000-0000-0000-0000-000000000000',
  type: '$streamDeleted',
  contentType: 'application/octet-stream',
  metadata: new Uint8Array(0),
  data: new Uint8Array(0),
};

const encoded = (stream: string, first: number, proposed: readonly ProposedEvent[], tombstone: true | undefined) => {
  const events = tombstone ? [TOMBSTONE] : proposed;
  const record = {
    stream,
    first,
    created: (BigInt(Date.now()) * 10_000n).toString(), // .NET ticks of 100 ns, since 1970 on this protocol
    ...(tombstone ? { tombstone } : {}),
    events: events.map(({ id, type, contentType, metadata, data }) => {
      return { id, type, contentType, metadataBytes: metadata.byteLength, dataBytes: data.byteLength };
    }),
  };
  const body = events.flatMap(({ metadata, data }) => [metadata, data]);
  return { record, bytes: recordBytes(record, body) };
};
