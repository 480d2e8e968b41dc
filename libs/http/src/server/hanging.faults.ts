import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const FILE = path.resolve(__dirname, '../../../../dist/libs/http/src/testing/hanging-process.js');
const STOP_MAX_MS = 10_000;
/** For the end of the process itself, on a machine that others use. */
const TOLERANCE_MS = 5_000;

test('FLT-09: a process whose stop hangs ends after 10 s with exit code 1 and says what it was at', async () => {
  const child = spawn(process.execPath, [FILE], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    while (!output.includes('ready')) await once(child.stdout, 'data');
    const begun = performance.now();
    const ended = once(child, 'close');
    child.kill('SIGTERM');
    const [code] = (await ended) as [number | null];
    const tookMs = performance.now() - begun;
    expect(code).toBe(1);
    expect(output).toContain('finishing what was accepted');
    expect(tookMs).toBeGreaterThan(STOP_MAX_MS - 100);
    expect(tookMs).toBeLessThan(STOP_MAX_MS + TOLERANCE_MS);
  } finally {
    child.kill('SIGKILL');
  }
}, 60_000);
