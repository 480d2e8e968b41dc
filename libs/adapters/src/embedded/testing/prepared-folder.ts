import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { openPgliteDatabase } from '../pglite-database';
import { compileQuickly } from './quickly-compiled';

const ROOT = path.resolve(__dirname, '../../../../..');
const CACHE = path.join(ROOT, 'node_modules/.cache/drawdown');

/**
 * Fills `folder` with an embedded read database that is empty and was closed in order. The first caller makes one, for
 * all runs of the tests after it: that takes seconds of a processor, a copy takes a tenth of one.
 */
export const prepareFolder = async (folder: string): Promise<void> => {
  const { version } = JSON.parse(
    readFileSync(path.join(ROOT, 'node_modules/@electric-sql/pglite/package.json'), 'utf8'),
  ) as { readonly version: string };
  const template = path.join(CACHE, `pglite-${version}`);
  compileQuickly();
  if (!existsSync(template)) await makeTemplate(template);
  cpSync(template, folder, { recursive: true });
};

/** Several test processes may make one at the same time: the first that is whole stays. */
const makeTemplate = async (template: string): Promise<void> => {
  mkdirSync(CACHE, { recursive: true });
  const own = mkdtempSync(path.join(CACHE, 'making-'));
  await (await openPgliteDatabase(own)).close();
  try {
    renameSync(own, template);
  } catch (error) {
    rmSync(own, { recursive: true, force: true });
    if (!existsSync(template)) throw error;
  }
};
