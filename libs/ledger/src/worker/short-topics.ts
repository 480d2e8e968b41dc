import { DRAWDOWN_NAMESPACE, type JsonObject, uuidText, uuidV5Bytes } from '@drawdown/kernel';
import { type EventStore, pagesToEnd, StreamConflict } from '@drawdown/ports';

/** The stream that says which topics were found to end before what the log has read of them. */
const STREAM = 'short-topics';

/** Workers that find something at once meet here; more attempts would be a fight. */
const ATTEMPTS_MAX = 20;

/** A partition of a source that was shorter than the log knew it. */
export interface ShortTopic {
  readonly source: string;
  readonly partition: number;
  /** The last offset that the log has read. */
  readonly recorded: number;
  /** The offset that the next record would have had when it was found. */
  readonly end: number;
}

/**
 * What was found short, kept beside the ledger: the topic grows again, and whoever takes the shard over then could not
 * tell any more. Rejects as the store does.
 */
export class ShortTopics {
  constructor(private readonly store: EventStore) {}

  async find(source: string, partition: number): Promise<ShortTopic | undefined> {
    return (await this.all()).find((found) => found.source === source && found.partition === partition);
  }

  /** Resolves when it is durable; what is there already stays. */
  async keep(found: ShortTopic): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const all = await this.all();
      if (all.some(({ source, partition }) => source === found.source && partition === found.partition)) return;
      const content: JsonObject = { ...found };
      const data = Buffer.from(JSON.stringify(content));
      const name = `${STREAM}\n${found.source}\n${String(found.partition)}`;
      const id = uuidText(uuidV5Bytes(DRAWDOWN_NAMESPACE, name));
      try {
        await this.store.append(STREAM, all.length, [{ id, type: 'TopicFoundShort', data, metadata: { version: 1 } }]);
        return;
      } catch (error) {
        if (!(error instanceof StreamConflict) || attempt >= ATTEMPTS_MAX) throw error;
      }
    }
  }

  private async all(): Promise<readonly ShortTopic[]> {
    const all: ShortTopic[] = [];
    for await (const page of pagesToEnd(this.store, STREAM, 0)) {
      for (const { data } of page) all.push(JSON.parse(Buffer.from(data).toString('utf8')) as ShortTopic);
    }
    return all;
  }
}
