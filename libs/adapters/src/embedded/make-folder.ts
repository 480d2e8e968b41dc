import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** What is kept in it is everybody's money and the hashes of their keys: it is nobody's to read who has an account here, too. */
const OWN = 0o700;

/**
 * Makes a folder that there may be already, and those above it. `mkdir` with `recursive` never comes to an end in Node 20
 * where the folder above is there and nothing can be made in it, as in /proc.
 */
export const makeFolder = async (folder: string): Promise<void> => {
  try {
    await makeOne(folder);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await makeFolder(path.dirname(folder));
    await makeOne(folder);
  }
};

const makeOne = async (folder: string): Promise<void> => {
  try {
    await mkdir(folder, { mode: OWN });
  } catch (error) {
    const isThere = codeOf(error) === 'EEXIST' && (await stat(folder)).isDirectory();
    if (!isThere) throw error;
  }
};

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
