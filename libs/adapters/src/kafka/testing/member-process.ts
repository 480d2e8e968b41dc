import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { threadFile } from '../../thread';

export interface MemberProcess {
  readonly lines: readonly string[];
  /** Partitions that it owns. */
  owned(): number;
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<{ readonly code: number | null; readonly tookMs: number }>;
}

/** By which the broker knows `member.ts`. */
export const MEMBER_CLIENT_ID = 'member';

/** Starts `member.ts`. */
export const startMember = (broker: string, group: string, topics: readonly string[]): MemberProcess => {
  const file = threadFile(__dirname, 'member');
  const child: ChildProcess = spawn(process.execPath, [file, broker, group, ...topics], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  let rest = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  const count = (word: string): number => lines.filter((line) => line.startsWith(word)).length;
  return {
    lines,
    owned: () => count('assigned') - count('revoked'),
    kill: async (signal) => {
      const started = performance.now();
      child.kill(signal);
      const [code] = (await once(child, 'close')) as [number | null];
      return { code, tookMs: performance.now() - started };
    },
  };
};
