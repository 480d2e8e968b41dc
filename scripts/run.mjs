/** Builds what is out of date, then runs an app's compiled `main` in this very process, so that signals reach it. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, BuildError } from './build.mjs';

const root = path.resolve(import.meta.dirname, '..');

export async function run(app, { quiet = false } = {}) {
  try {
    await build({ quiet });
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
  process.setSourceMapsEnabled(true);
  await import(pathToFileURL(path.join(root, `dist/apps/${app}/src/main.js`)).href);
}
