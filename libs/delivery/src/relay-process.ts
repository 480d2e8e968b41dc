import { askStore } from '@drawdown/ports';
import { LEDGER_TOPIC } from './event-record';
import { Relay, type RelayOptions } from './relay';
import { watchDependencies } from './watch-dependencies';

export interface RelayProcessPorts extends RelayOptions {
  /** Takes what says why the process cannot work; null where it can. */
  readonly register: (name: string, check: () => string | null) => void;
}

/** The relay as a process runs it, with what it reports of itself. Ends with the result. */
export const startRelay = ({ register, ...options }: RelayProcessPorts): { readonly stop: () => Promise<void> } => {
  const { store, stream, metrics, log } = options;
  const relay = new Relay(options);
  register('relay', () => relay.trouble);
  const unwatch = watchDependencies(
    { event_store: () => askStore(store), kafka: () => stream.boundsOf(LEDGER_TOPIC) },
    metrics,
    log,
  );
  relay.start();
  return {
    stop: async () => {
      unwatch();
      await relay.stop();
    },
  };
};
