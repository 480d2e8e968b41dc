import { type Instant, parseInstant } from '@drawdown/kernel';

/** What the composition decides about the HTTP side. */
export class HttpSettings {
  constructor(
    /** Whether users may make and move test clocks. Off in production. */
    readonly testClocks: boolean,
    /** The machine's time, for what belongs to no organization. */
    readonly now: () => Instant = machineTime,
    /** Whether organizations are read from the memory of their ledger; without it, from read models. */
    readonly ownsLedger = true,
    /** Whether the process still waits for what it needs: requests are answered 503, probes as they are. */
    readonly isStarting: () => boolean = () => false,
  ) {}
}

const machineTime = (): Instant => {
  const text = new Date().toISOString();
  const instant = parseInstant(text);
  if (instant === undefined) throw new Error(`the machine's clock shows ${text}`);
  return instant;
};
