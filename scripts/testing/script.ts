import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const root = path.resolve(__dirname, '../..');
const ASK_EVERY_MS = 50;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM'); // what it has started ends with it in order only
});

/** A script of this repository as its users run it: a process of its own, which prints, and is ended by Ctrl-C. */
export class Script {
  private text = '';
  private readonly closed: Promise<number | null>;

  private constructor(private readonly child: ChildProcess) {
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
    }
    this.closed = once(child, 'close').then(([code]: unknown[]) => {
      running.delete(child);
      return code as number | null;
    });
  }

  /** Its temporary files lie in that folder; nothing else is set for it but where programs are. */
  static start(file: string, words: readonly string[], temporary: string): Script {
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: temporary };
    const child = spawn(process.execPath, [path.join('scripts', file), ...words], {
      ...{ cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] },
    });
    return new Script(child);
  }

  /** What it wrote so far, to both outputs. */
  get output(): string {
    return this.text;
  }

  /** Resolves to the first match in what it prints; rejects where it ends before, or does not print that in time. */
  async says(what: RegExp, limitMs: number): Promise<RegExpExecArray> {
    for (const end = performance.now() + limitMs; ; await pause(ASK_EVERY_MS)) {
      const found = what.exec(this.text);
      if (found !== null) return found;
      if (!running.has(this.child)) throw new Error(`it ended instead of saying ${String(what)}:\n${this.text}`);
      if (performance.now() > end) throw new Error(`it does not say ${String(what)}:\n${this.text}`);
    }
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.child.kill('SIGINT');
  }

  /** Resolves to its exit code; to null where it does not end in time, and is killed. */
  async ended(limitMs: number): Promise<number | null> {
    const late = setTimeout(() => this.child.kill('SIGKILL'), limitMs);
    try {
      return await this.closed;
    } finally {
      clearTimeout(late);
    }
  }
}

/** Whether somebody listens at host:port. */
export const listens = async (address: string): Promise<boolean> => {
  const [host = '', port = ''] = address.split(':');
  const socket = connect({ host, port: Number(port) });
  try {
    await once(socket, 'connect'); // rejects with its error
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
};

export const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // there is none
  }
};
