import { Presets, SingleBar } from 'cli-progress';
import { grouped, type Terminal } from './terminal';

/** How often a line is written where there is no terminal to draw on. */
const LINE_EVERY_MS = 5_000;

/** Shows how far something is: `done` of a known `total`, and a short text. */
export interface Progress {
  update(done: number, text: string): void;
  stop(): void;
}

const SILENT: Progress = { update: () => undefined, stop: () => undefined };

/** A bar on a terminal, a line now and then elsewhere, nothing where `quiet`. */
export const showProgress = (terminal: Terminal, what: string, total: number, quiet: boolean): Progress => {
  if (quiet) return SILENT;
  return terminal.err.isTTY === true ? bar(terminal, what, total) : lines(terminal, what, total);
};

const bar = (terminal: Terminal, what: string, total: number): Progress => {
  const drawn = new SingleBar(
    {
      format: `${what} {bar} {percentage} %  {text}  {duration_formatted} (about {eta_formatted} left)`,
      stream: terminal.err,
      hideCursor: true,
      gracefulExit: false, // interrupting is the command's business
    },
    Presets.shades_classic,
  );
  drawn.start(total, 0, { text: '' });
  return { update: (done, text) => drawn.update(done, { text }), stop: () => drawn.stop() };
};

const lines = (terminal: Terminal, what: string, total: number): Progress => {
  let lastAt = performance.now();
  return {
    update: (done, text) => {
      if (performance.now() - lastAt < LINE_EVERY_MS) return;
      lastAt = performance.now();
      const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
      terminal.err.write(`${what}: ${grouped(percent)} %, ${text}\n`);
    },
    stop: () => undefined,
  };
};
