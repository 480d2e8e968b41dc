import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import type { Context, ExitCode } from '../context';
import { run } from '../program';

class Collected extends Writable {
  text = '';
  override _write(chunk: Buffer | string, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

export interface Ran {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
  /** The object that `--json` answered; throws where it is none. */
  json(): Record<string, unknown>;
}

/** Runs a command line in this process, without a terminal. */
export const drawdown = async (
  words: readonly string[],
  signal: AbortSignal = new AbortController().signal,
  given: Partial<Context> = {},
): Promise<Ran> => {
  const [out, err] = [new Collected(), new Collected()];
  const code = await run(words, { terminal: { out, err }, environment: {}, signal, ...given });
  return { code, out: out.text, err: err.text, json: () => JSON.parse(out.text) as Record<string, unknown> };
};

const folders: string[] = [];

/** A file in a folder of its own. */
export const fileWith = (name: string, content: string | Buffer): string => {
  const folder = mkdtempSync(path.join(tmpdir(), 'drawdown-cli-'));
  folders.push(folder);
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
};

export const removeFiles = (): void => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
};
