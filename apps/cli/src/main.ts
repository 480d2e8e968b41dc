import { run } from './program';

const stopping = new AbortController();
const stop = (): void => {
  // The first time everything is saved; whoever insists has the last saved state.
  if (stopping.signal.aborted) process.exit(3);
  stopping.abort();
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
// `drawdown … | head`: whoever reads has had enough. Anything else is an error like any other.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  stopping.abort();
});

run(process.argv.slice(2), {
  terminal: { out: process.stdout, err: process.stderr },
  environment: process.env,
  signal: stopping.signal,
}).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
