import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts } from '../../testing/ports';
import { type AppOptions, AppProcess } from './app-process';
import { DIST } from './dist';

const DOUBLE = path.join(DIST, 'libs/adapters/src/eventstoredb/testing/main.js');
/** A double that was killed reads its log first. */
const STORE_MAX_MS = 120_000;

export interface StoreProcessOptions extends Pick<AppOptions, 'said'> {
  /** Where its log lies. */
  readonly folder: string;
}

/** The double of the event store as a process of its own, on a free port; resolves when it can be connected to. */
export const startStoreProcess = async ({ folder, ...options }: StoreProcessOptions): Promise<AppProcess> => {
  const [port = 0] = await freePorts(1);
  const words = ['--data', folder, '--port', String(port)];
  const store = new AppProcess({ name: 'event-store', file: DOUBLE, words, environment: {}, port, ...options });
  store.start();
  try {
    await listening(store);
    return store;
  } catch (error) {
    await store.stop();
    throw error;
  }
};

/** Its connection string. */
export const storeUrl = ({ port }: AppProcess): string => `esdb://127.0.0.1:${String(port)}?tls=false`;

/** Resolves when somebody listens at its port. */
export const listening = async (store: AppProcess): Promise<void> => {
  for (const end = performance.now() + STORE_MAX_MS; !(await accepts(store.port)); await pause(50)) {
    if (performance.now() > end) throw new Error(`${store.name} does not listen: ${store.lastSaid}`);
  }
};

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
