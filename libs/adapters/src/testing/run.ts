import { execFile } from 'node:child_process';

/** Runs a program to its end; rejects with what it printed where it fails. */
export const run = (program: string, args: readonly string[], timeout: number): Promise<void> =>
  new Promise((resolve, reject) => {
    execFile(program, args, { timeout }, (error, stdout, stderr) => {
      if (error === null) resolve();
      else
        reject(
          Object.assign(new Error(`${program} failed: ${stdout}${stderr}`, { cause: error }), { code: error.code }),
        );
    });
  });
