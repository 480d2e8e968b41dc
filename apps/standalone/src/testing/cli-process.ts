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

/** The command line program as a process of its own. */
export const startCli = (words: readonly string[]): CliProcess => {
  const child = spawn(process.execPath, [CLI, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], DRAWDOWN_ADMIN_KEY: ADMIN_KEY },
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
