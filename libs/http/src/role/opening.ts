import type { Drained, RunningParts } from '../server/parts.module';
import { type Start, StoppedBefore } from './start';

/** A role that is being opened while its probes answer already; it can be stopped at any time. */
export class Opening implements RunningParts {
  private running: RunningParts | null = null;
  private opening: Promise<void> = Promise.resolve();

  constructor(private readonly start: Start) {}

  /** Resolves when it runs, or was stopped before; rejects with what does not fit. */
  begin(open: () => Promise<RunningParts>): Promise<void> {
    this.opening = open().then(
      (running) => {
        this.running = running;
        this.start.done();
      },
      (error: unknown) => {
        if (!(error instanceof StoppedBefore)) throw error;
      },
    );
    return this.opening;
  }

  readonly drain = async (): Promise<Drained> => {
    this.start.stop();
    await this.opening.catch(() => undefined); // told to whoever began it
    return this.running?.drain();
  };

  readonly close = async (): Promise<void> => {
    await this.running?.close();
  };
}
