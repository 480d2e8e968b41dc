import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { diesWithUs } from '../../kafka/testing/dies-with-us';

/** A machine that others use at the same time starts slowly. */
const READY_MAX_MS = 120_000;
const ASK_EVERY_MS = 100;
/** Somebody who was asked while the machine was busy is asked again. */
const METRICS_MAX_MS = 10_000;
/** SIGTERM takes at most 10 s (deploy/README.md); what does not end by then is killed. */
const STOP_MAX_MS = 15_000;
/** Pause before what ended is started again: long enough that one which cannot start does not take all processors. */
const START_AGAIN_MS = 300;
/** What of its output is kept for whoever asks why. */
const OUTPUT_KEPT = 8_000;

/**
 * As in docker-compose.yml and the Helm chart. With a young generation of the default size, buffers of an event's size
 * set off collections of the whole heap: half the processor time of the relay, a third of all. And V8 must not make those
 * objects old from the start that lived through a few collections: works that wait for an append do, and each would keep
 * alive, dead, all usage events that it named until the next collection of everything.
 */
const NODE_FLAGS = [
  '--max-semi-space-size=64',
  '--min-semi-space-size=32',
  '--no-allocation-site-pretenuring',
  '--enable-source-maps',
];

export interface AppOptions {
  readonly name: string;
  /** The compiled file that node runs. */
  readonly file: string;
  readonly words?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly port: number;
  /** Told each line that it prints. */
  readonly said?: (name: string, line: string) => void;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A process that is wanted: whatever ends it, it is started again with the same settings, as by an orchestrator. */
export class AppProcess {
  readonly url: string;
  /** Ends that nobody here asked for, each with what was printed last. */
  readonly ownEnds: string[] = [];
  /** How long each one ran that {@link kill} has struck, in milliseconds. */
  readonly struck: number[] = [];
  private child: ChildProcess | undefined;
  private wanted = false;
  private killed = false;
  private bornAt = 0;
  private coming: Promise<void> = Promise.resolve();
  private output = '';

  constructor(private readonly options: AppOptions) {
    this.url = `http://127.0.0.1:${String(options.port)}`;
  }

  get name(): string {
    return this.options.name;
  }
  get port(): number {
    return this.options.port;
  }
  get pid(): number {
    return this.child?.pid ?? 0;
  }
  /** What it printed last. */
  get lastSaid(): string {
    return this.output;
  }

  start(): void {
    this.wanted = true;
    this.spawn();
  }

  /** Resolves when it says at /readyz that it is of use. */
  async ready(limitMs = READY_MAX_MS): Promise<void> {
    const end = performance.now() + limitMs;
    let last = '';
    for (; ; await pause(ASK_EVERY_MS)) {
      const { ok, text } = await this.ask('/readyz');
      if (ok) return;
      last = text;
      if (performance.now() > end) throw new Error(`${this.name} does not become ready: ${last}\n${this.output}`);
    }
  }

  /** Resolves when its answer at /readyz contains that. */
  async says(what: string, limitMs = READY_MAX_MS): Promise<void> {
    const end = performance.now() + limitMs;
    for (; ; await pause(ASK_EVERY_MS)) {
      const { text } = await this.ask('/readyz');
      if (text.includes(what)) return;
      if (performance.now() > end) throw new Error(`${this.name} does not say ${what}: ${text}\n${this.output}`);
    }
  }

  /** Sum of what it reports under a metric's name, 0 where there is nothing; NaN where it does not answer for a while. */
  async metric(name: string): Promise<number> {
    const end = performance.now() + METRICS_MAX_MS;
    let { ok, text } = await this.ask('/metrics');
    for (; !ok && performance.now() < end; { ok, text } = await this.ask('/metrics')) await pause(ASK_EVERY_MS);
    if (!ok) return NaN;
    const values = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  /**
   * SIGKILL of the process that runs; where it has just ended by itself, of the one that comes. It is started again;
   * resolves when the new one runs, which may not be ready yet.
   */
  async kill(): Promise<void> {
    for (let isStruck = false; !isStruck;) {
      const child = await this.present();
      const ranMs = performance.now() - this.bornAt;
      const gone = once(child, 'close');
      this.killed = child.kill('SIGKILL');
      await gone;
      isStruck = child.signalCode === 'SIGKILL';
      if (isStruck) this.struck.push(ranMs);
    }
    await this.coming;
  }

  /** SIGKILL, and not started again before {@link start}; resolves when it is gone. */
  async killForGood(): Promise<void> {
    this.wanted = false;
    await this.coming;
    const child = this.child;
    if (child === undefined || !running.has(child)) return;
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
  }

  /** The process that runs, or the next one. Rejects where none is wanted. */
  private async present(): Promise<ChildProcess> {
    for (; this.wanted; await pause(ASK_EVERY_MS)) {
      const child = this.child;
      if (child !== undefined && child.exitCode === null && child.signalCode === null) return child;
    }
    throw new Error(`${this.name} is not wanted: there is nothing to kill`);
  }

  /** SIGSTOP: it does not run, and does not know. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    this.child?.kill('SIGCONT');
  }

  /** SIGTERM, and not started again; resolves when it is gone, with its exit code. */
  async stop(): Promise<number | null> {
    this.wanted = false;
    await this.coming;
    const child = this.child;
    if (child === undefined || !running.has(child)) return child?.exitCode ?? null;
    const gone = once(child, 'close');
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS);
    await gone;
    clearTimeout(late);
    return child.exitCode;
  }

  private spawn(): void {
    const { file, words = [], environment } = this.options;
    const [program = '', ...rest] = [...diesWithUs(), process.execPath, ...NODE_FLAGS, file, ...words];
    const child = spawn(program, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], TZ: process.env['TZ'], ...environment },
      detached: true, // a Ctrl-C at the terminal is for whoever stops all in order
    });
    this.child = child;
    this.killed = false;
    this.bornAt = performance.now();
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) this.listen(stream);
    child.once('close', (code, signal) => this.ended(child, `${String(code)} ${String(signal)}`));
  }

  private listen(stream: NodeJS.ReadableStream): void {
    let rest = '';
    stream.on('data', (chunk: Buffer) => {
      this.output = (this.output + chunk.toString()).slice(-OUTPUT_KEPT);
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.options.said?.(this.name, line);
    });
  }

  private ended(child: ChildProcess, how: string): void {
    running.delete(child);
    if (!this.wanted) return;
    if (!this.killed) this.ownEnds.push(`${this.name} ended (${how}): ${this.output.slice(-1_500)}`);
    this.coming = pause(START_AGAIN_MS).then(() => {
      if (this.wanted) this.spawn();
    });
  }

  private async ask(route: string): Promise<{ readonly ok: boolean; readonly text: string }> {
    try {
      const response = await fetch(this.url + route, { signal: AbortSignal.timeout(2_000) });
      return { ok: response.ok, text: await response.text() };
    } catch (error) {
      return { ok: false, text: String(error) }; // nobody listens yet
    }
  }
}
