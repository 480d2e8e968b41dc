import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crowdOneWallet } from './testing/forms/hot-wallet';
import { metricSum } from './testing/metrics';
import { ServerProcess } from './testing/server-process';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-hot-wallet-'));
});
afterEach(async () => {
  await ServerProcess.endAll();
  rmSync(folder, { recursive: true, force: true });
});

test('FLT-23: 64 clients on one wallet are all answered, soon, and from few appends', async () => {
  const { url } = await ServerProcess.start({ dataFolder: path.join(folder, 'data') });
  process.stdout.write(`hot wallet: ${await crowdOneWallet(url)}\n`);
  const [sum, count] = [
    await metricSum(url, 'append_batch_commands_sum'),
    await metricSum(url, 'append_batch_commands_count'),
  ];
  process.stdout.write(`hot wallet: ${(sum / count).toFixed(1)} commands and usages an append\n`);
  // How many wait together depends on how fast the clients come, who have one processor among them.
  expect(sum / count).toBeGreaterThan(1);
});
