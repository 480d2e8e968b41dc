import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { ADMIN_KEY, ROOT } from './server-process';

const CLI = path.join(ROOT, 'dist/apps/cli/src/main.js');

export interface CliEnd {
  /** Null where it was killed. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface CliProcess {
  readonly ended: Promise<CliEnd>;
  readonly kill: () => void;
}

/** The command line program as a process of its own; its environment has the key, and what is given. */
export const startCli = (words: readonly string[], environment: Readonly<Record<string, string>> = {}): CliProcess =>
  started(process.execPath, [CLI, ...words], { PATH: process.env['PATH'], TZ: process.env['TZ'], ...environment });

/** The same as the handbook tells operators to call it. */
export const startNpx = (words: readonly string[], environment: Readonly<Record<string, string>> = {}): CliProcess =>
  started('npx', ['drawdown', ...words], { ...process.env, ...environment });

const started = (program: string, words: readonly string[], environment: NodeJS.ProcessEnv): CliProcess => {
  const child = spawn(program, words, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { DRAWDOWN_ADMIN_KEY: ADMIN_KEY, ...environment },
  });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const ended = once(child, 'close').then(([code]: unknown[]) => {
    process.off('exit', kill);
    return { code: code as number | null, out, err };
  });
  return { ended, kill };
};
