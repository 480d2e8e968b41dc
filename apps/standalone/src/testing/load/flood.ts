/** More usage than can be charged, from many connections, none of which does what it is told about when to come again. */
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { ADMIN_KEY } from '../server-process';

/** Of one request, the most that it may have. */
export const EVENTS = 1_000;
/** A millionth of an hour: of two credits an hour, so many billionths of a credit. */
export const MILLIONTH = { workspace_id: 'w1', service_type: 'compute', quantity: '0.000001', unit: 'hours' };
export const MILLIONTH_NANOS = 2_000n;
/** Rude: what is refused is told to come after a second at least. */
const AGAIN_MS = 50;
const TYPE = { 'content-type': 'application/cloudevents-batch+json', authorization: `Bearer ${ADMIN_KEY}` };

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

export interface FloodOptions {
  readonly port: number;
  readonly organization: string;
  /** Every event, but for its id. */
  readonly data: object;
  readonly connections: number;
}

/** Requests of a thousand events each, every one of them sent again, the same, until it was taken. */
export class Flood {
  /** Requests that were answered 200, each with all its events charged or known. */
  taken = 0;
  /** Events that an answer called charged; the others were charged by a try that was not answered. */
  charged = 0;
  /** Answers that were refusals, by status and Retry-After. */
  readonly refused = new Map<string, number>();
  /** Tries that had no answer at all. */
  broken = 0;
  private readonly name = randomUUID();
  private readonly time = new Date().toISOString();
  private made = 0;
  private stopped = false;
  private abandoned = false;
  private readonly agent: http.Agent;
  private readonly clients: Promise<void>[];

  constructor(private readonly options: FloodOptions) {
    const { connections } = options;
    this.agent = new http.Agent({ keepAlive: true, maxSockets: connections });
    this.clients = Array.from({ length: connections }, () => this.client());
  }

  get refusals(): number {
    return [...this.refused.values()].reduce((sum, count) => sum + count, 0);
  }

  /** No new requests; resolves once each of those that were begun was taken. */
  async stop(): Promise<void> {
    this.stopped = true;
    try {
      await Promise.all(this.clients);
    } finally {
      this.agent.destroy();
    }
  }

  /** For a test that failed: gives up at once, whatever is open. */
  async abandon(): Promise<void> {
    this.abandoned = true;
    await this.stop();
  }

  private async client(): Promise<void> {
    while (!this.stopped) {
      const n = (this.made += 1);
      while (!this.abandoned && !(await this.isTaken(n))) await pause(AGAIN_MS);
    }
  }

  private async isTaken(n: number): Promise<boolean> {
    const answer = await this.send(this.body(n)).catch(() => undefined);
    if (answer === undefined) {
      this.broken += 1;
      return false;
    }
    const { status, retryAfter, text } = answer;
    if (status !== 200) {
      const kind = `${String(status)}, Retry-After ${String(retryAfter)}`;
      this.refused.set(kind, (this.refused.get(kind) ?? 0) + 1);
      return false;
    }
    const { results } = JSON.parse(text) as { readonly results: readonly { readonly outcome: string }[] };
    const charged = results.filter(({ outcome }) => outcome === 'charged').length;
    const known = results.filter(({ outcome }) => outcome === 'duplicate').length;
    if (charged + known !== EVENTS) throw new Error(`request ${String(n)}: ${text.slice(0, 500)}`);
    this.charged += charged;
    this.taken += 1;
    return true;
  }

  private body(n: number): string {
    const { organization, data } = this.options;
    const [source, time] = [this.name, this.time];
    const event = { specversion: '1.0', id: '@', source, type: 'drawdown.usage.v1', time, subject: organization, data };
    const [before = '', after = ''] = JSON.stringify(event).split('@');
    return `[${Array.from({ length: EVENTS }, (_, i) => `${before}${String(n)}-${String(i)}${after}`).join()}]`;
  }

  private send(body: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { port } = this.options;
      const request = { host: '127.0.0.1', port, agent: this.agent, method: 'POST', path: '/v1/events?wait=charged' };
      const outgoing = http.request({ ...request, headers: TYPE }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('end', () => {
          const { statusCode: status = 0, headers } = response;
          resolve({ status, retryAfter: headers['retry-after'], text: Buffer.concat(chunks).toString() });
        });
        response.once('error', reject);
      });
      outgoing.once('error', reject);
      outgoing.end(body);
    });
  }
}
