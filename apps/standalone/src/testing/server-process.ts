import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '@drawdown/adapters/testing/ports';

export const ROOT = path.resolve(__dirname, '../../../..');
const MAIN = path.join(ROOT, 'dist/apps/standalone/src/main.js');
/** A machine that others use at the same time starts slowly. */
const START_MAX_MS = 180_000;
const STOP_MAX_MS = 30_000;
const ASK_EVERY_MS = 50;

export const ADMIN_KEY = 'fault-tests-admin-key';

export interface ServerOptions {
  readonly dataFolder: string;
  /** A free one where absent; given, a server comes back where it was. */
  readonly port?: number;
  readonly environment?: Readonly<Record<string, string>>;
  /** What node is told to run; the compiled program where absent. */
  readonly words?: readonly string[];
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const running = new Set<ChildProcess>();
// Whatever ends the tests: nothing of theirs goes on running.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** The product as its users run it: a process of its own, spoken to over HTTP and ended by signals. */
export class ServerProcess {
  private text = '';
  readonly ended: Promise<Exit>;

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    }
    this.ended = once(child, 'close').then(([code, signal]: unknown[]) => {
      running.delete(child);
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  /** Starts it and waits until it is ready; rejects with what it wrote where it ends instead. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    const server = await ServerProcess.spawn(options);
    await server.ready();
    return server;
  }

  /** Starts it and does not wait. */
  static async spawn({ dataFolder, port, environment = {}, words = [MAIN] }: ServerOptions): Promise<ServerProcess> {
    const taken = port ?? (await freePort());
    const child = spawn(process.execPath, words, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        TZ: process.env['TZ'],
        PORT: String(taken),
        DRAWDOWN_DATA: dataFolder,
        DRAWDOWN_ADMIN_KEY: ADMIN_KEY,
        DRAWDOWN_TEST_CLOCKS: '1',
        DRAWDOWN_SAMPLE: '0',
        ...environment,
      },
    });
    return new ServerProcess(child, taken);
  }

  /** Ends every server and client that a test left behind. */
  static async endAll(): Promise<void> {
    const children = [...running];
    for (const child of children) child.kill('SIGKILL');
    while (children.some((child) => running.has(child))) await sleep(ASK_EVERY_MS);
  }

  get url(): string {
    return `http://127.0.0.1:${String(this.port)}`;
  }

  get pid(): number {
    const { pid } = this.child;
    if (pid === undefined) throw new Error('the process was never started');
    return pid;
  }

  /** What it wrote so far, to both outputs. */
  get output(): string {
    return this.text;
  }

  async ready(limitMs = START_MAX_MS): Promise<void> {
    await this.answers('/readyz', limitMs);
  }

  private async answers(route: string, limitMs = START_MAX_MS): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (!(await this.isWell(route))) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`the server ended instead of starting:\n${this.text}`);
      }
      if (performance.now() > deadline) throw new Error(`${route} does not become well:\n${this.text}`);
      await sleep(ASK_EVERY_MS);
    }
  }

  /** Waits until it answers at all; it may lack what it depends on. */
  async alive(): Promise<void> {
    await this.answers('/livez');
  }

  /** SIGTERM, and what became of it. */
  stop(): Promise<Exit> {
    this.child.kill('SIGTERM');
    return this.withinTime(STOP_MAX_MS);
  }

  /** SIGKILL: no shutdown code runs. */
  kill(): Promise<Exit> {
    this.child.kill('SIGKILL');
    return this.withinTime(STOP_MAX_MS);
  }

  /** Resolves once it has ended by itself; rejects where it goes on. */
  async withinTime(limitMs: number): Promise<Exit> {
    const waiting = new AbortController();
    try {
      return await Promise.race([
        this.ended,
        sleep(limitMs, undefined, { signal: waiting.signal }).then((): never => {
          throw new Error(`process ${String(this.pid)} still runs after ${String(limitMs)} ms:\n${this.text}`);
        }),
      ]);
    } finally {
      waiting.abort();
    }
  }

  private async isWell(route: string): Promise<boolean> {
    try {
      const response = await fetch(this.url + route, { signal: AbortSignal.timeout(2_000) });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      return false; // nobody listens yet
    }
  }
}

export const freePort = async (): Promise<number> => (await freePorts(1))[0] ?? 0;
