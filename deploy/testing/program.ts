import { execFileSync } from 'node:child_process';
import { root } from './product';

const said = new Set<string>();

/**
 * A program that need not be there: its output, or null after a line (once) that says what is not checked without it.
 * Throws where it ends with another code than 0.
 */
export const runIfInstalled = (program: string, args: readonly string[], without: string): string | null => {
  try {
    return execFileSync(program, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    if (!isMissing(error)) throw error;
    if (!said.has(program)) process.stderr.write(`${program} is not on the PATH: ${without}\n`);
    said.add(program);
    return null;
  }
};

/** Not `instanceof Error`: Node's own errors come from outside of the context that jest runs a spec in. */
const isMissing = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT';
