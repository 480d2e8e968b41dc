import { run } from './run.mjs';

process.argv.splice(2, 0, 'demo'); // `npm run demo -- --flag` is `drawdown demo --flag`
await run('cli');
