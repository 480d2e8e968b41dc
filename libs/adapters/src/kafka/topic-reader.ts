import { type ConsumedRecord, StreamGap } from '@drawdown/ports';

/** What a reader asks its topic for. */
export interface Want {
  readonly partition: number;
  readonly era: number;
  from: number;
  resolve(records: readonly ConsumedRecord[]): void;
  reject(error: Error): void;
}

interface ReadSource {
  want(want: Want): void;
  unwant(want: Want): void;
  drop(reader: TopicReader): void;
}

/** The topic is another one than the reader began with: what its offset says of this one is nothing. */
export class TopicMadeAnew extends StreamGap {}

/** One who reads a partition, batch after batch. */
export class TopicReader {
  /** Since when it has had records without asking for more. */
  busySince: number | undefined;
  private wanted: Want | undefined;

  constructor(
    private readonly source: ReadSource,
    private readonly partition: number,
    /** Of which of the topics that had this name it knows an offset. */
    private readonly era: number,
  ) {}

  /** Where the record that it waits for will be found, past what is none; undefined while it has records. */
  get waitsFrom(): number | undefined {
    return this.wanted?.from;
  }

  /** The records from an offset on, at least one; none where the signal aborts. Rejects with {@link StreamGap}. */
  async next(from: number, signal: AbortSignal): Promise<readonly ConsumedRecord[]> {
    if (signal.aborted) return [];
    this.busySince = undefined;
    let give = (): void => undefined;
    try {
      return await new Promise<readonly ConsumedRecord[]>((resolve, reject) => {
        const { partition, era } = this;
        const want: Want = { partition, era, from, resolve, reject };
        give = () => {
          this.source.unwant(want);
          resolve([]);
        };
        signal.addEventListener('abort', give);
        this.wanted = want;
        this.source.want(want);
      });
    } finally {
      signal.removeEventListener('abort', give);
      this.wanted = undefined;
      this.busySince = performance.now();
    }
  }

  close(): void {
    this.source.drop(this);
  }
}
