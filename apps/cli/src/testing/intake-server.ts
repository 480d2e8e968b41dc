import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the double answers instead of doing its work; undefined: it works. */
export type Instead = (
  request: number,
) => { status: number; body?: object; headers?: Record<string, string> } | 'cut' | undefined;

interface SentEvent {
  readonly id: string;
  readonly source: string;
  readonly subject: string;
  readonly data: Record<string, unknown>;
}

/** The intake of a server as far as an importer sees it: remembers identities and answers outcomes, and charges nothing. */
export class IntakeServer {
  /** Content by identity, in the order of arrival. */
  readonly events = new Map<string, string>();
  readonly mediaTypes = new Set<string | undefined>();
  requests = 0;
  instead: Instead = () => undefined;
  /** A text because of which a whole request is refused. */
  refuseBodiesWith: string | null = null;
  /** Judges an event that is not in conflict. */
  judge: (event: SentEvent) => object = () => ({ outcome: 'charged' });

  private constructor(private readonly server: Server) {}

  static async start(): Promise<IntakeServer> {
    const server = createServer();
    const intake = new IntakeServer(server);
    server.on('request', (request, response) => {
      intake.serve(request, response).catch((error: unknown) => {
        response.destroy(error as Error);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return intake;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  parsed(): SentEvent[] {
    return [...this.events.values()].map((text) => JSON.parse(text) as SentEvent);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.mediaTypes.add(request.headers['content-type']);
    const instead = this.instead(++this.requests);
    if (instead === 'cut') {
      response.destroy();
      return;
    }
    const [path, query] = (request.url ?? '').split('?');
    const { status, body, headers } = instead ?? this.take(path, query, Buffer.concat(chunks).toString());
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body ?? {}));
  }

  private take(path: string | undefined, query: string | undefined, text: string) {
    if (path !== '/v1/events') return { status: 404, body: { code: 'not_found' }, headers: {} };
    if (this.refuseBodiesWith !== null && text.includes(this.refuseBodiesWith)) {
      return { status: 400, body: { code: 'too_deep', detail: 'at most 32 levels' }, headers: {} };
    }
    const events = JSON.parse(text) as SentEvent[];
    const results = events.map((event) => this.outcomeOf(event));
    const position = `0.${String(this.requests)}`;
    if (query === 'wait=charged') return { status: 200, body: { results, position }, headers: {} };
    const duplicates = results.filter(({ outcome }) => outcome === 'duplicate').length;
    const rejected = results.flatMap(({ outcome, ...rest }, index) =>
      outcome === 'charged' || outcome === 'duplicate' ? [] : [{ index, code: 'refused', ...rest }],
    );
    const accepted = results.length - duplicates - rejected.length;
    return { status: 202, body: { accepted, duplicates, rejected, position }, headers: {} };
  }

  private outcomeOf(event: SentEvent): { outcome?: string; detail?: string; duplicate?: boolean } {
    const identity = `${event.subject} ${event.source} ${event.id}`;
    const content = JSON.stringify(event);
    const known = this.events.get(identity);
    if (known !== undefined && known !== content) return { outcome: 'conflict', detail: 'the first stands' };
    const outcome = this.judge(event) as { outcome?: string };
    const isQuarantined = outcome.outcome === 'quarantined';
    if (known !== undefined) return isQuarantined ? { ...outcome, duplicate: true } : { outcome: 'duplicate' };
    if (isQuarantined || outcome.outcome === 'charged') this.events.set(identity, content);
    return outcome;
  }
}
