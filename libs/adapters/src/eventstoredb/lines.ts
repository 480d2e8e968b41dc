import type { EventStoreDBClient } from '@eventstore/db-client';
import { closeChannel, newClient } from './client';
import type { Source } from './incoming';

/**
 * Calls that stay open on one connection. The server takes 100 (Kestrel's `MaxStreamsPerConnection`), and the client lets
 * the next one wait until another ends, without a word: for a subscription that is never.
 */
const CALLS_MAX = 80;

interface Line {
  readonly client: EventStoreDBClient;
  calls: number;
}

/** Connections for calls that stay open, as many as it takes. */
export class Lines {
  private readonly lines: Line[] = [];

  constructor(private readonly url: string) {}

  open(call: (client: EventStoreDBClient) => Source): Source {
    const line = this.lines.find(({ calls }) => calls < CALLS_MAX) ?? this.another();
    const source = call(line.client);
    line.calls += 1;
    source.on('close', () => (line.calls -= 1));
    return source;
  }

  /** Whoever opens a call after this gets a new connection. */
  close(): void {
    for (const { client } of this.lines.splice(0)) closeChannel(client);
  }

  private another(): Line {
    const line = { client: newClient(this.url), calls: 0 };
    this.lines.push(line);
    return line;
  }
}
