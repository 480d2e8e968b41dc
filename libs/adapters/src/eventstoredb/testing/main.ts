import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { collectSeldom } from '../../collect-seldom';
import { startDouble } from './double';
import type { AppendFault } from './faults';

/** A line on standard input: appends that are to fail, or a switch. */
type Order =
  | { readonly appends: readonly AppendFault[] }
  | { readonly silent: boolean }
  | { readonly accessDenied: boolean }
  | { readonly diskFull: boolean }
  | { readonly dropSubscribers: true };

/**
 * The double as a process: `--data DIR [--port P]`. Prints its address as one line of JSON when it is ready, takes orders
 * as lines of JSON, ends on SIGTERM. Killed, it has lost nothing that it had answered.
 */
const main = async (): Promise<void> => {
  const { values } = parseArgs({ options: { data: { type: 'string' }, port: { type: 'string', default: '0' } } });
  if (values.data === undefined) throw new Error('--data DIR is missing: the folder of the log');
  collectSeldom();
  const double = await startDouble(values.data, { port: Number(values.port) });
  const obey = (order: Order): void => {
    const { faults } = double;
    if ('appends' in order) faults.nextAppends(...order.appends);
    else if ('silent' in order) faults.silent = order.silent;
    else if ('accessDenied' in order) faults.accessDenied = order.accessDenied;
    else if ('diskFull' in order) double.diskFull(order.diskFull);
    else for (const subscriber of [...faults.subscribers]) subscriber.end();
  };
  const orders = createInterface({ input: process.stdin });
  orders.on('line', (line) => obey(JSON.parse(line) as Order));
  process.once('SIGTERM', () => {
    orders.close();
    double.stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  });
  process.stdout.write(`${JSON.stringify({ url: double.url, port: double.port, pid: process.pid })}\n`);
};

const fail = (error: unknown): void => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
};

main().catch(fail);
