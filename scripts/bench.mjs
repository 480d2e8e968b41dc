import { run } from './run.mjs';

// What programs read begins with the JSON.
await run('bench', { quiet: process.argv.includes('--json') });
