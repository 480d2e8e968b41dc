import { status } from '@grpc/grpc-js';
import { eventually } from './eventually';
import { doubles, whenReady } from './servers';

const double = doubles();

test.each([
  ['is not ready', status.UNAVAILABLE],
  // What the client object keeps for good.
  ['answers half of what it is asked', status.INTERNAL],
])('a server that %s at first is waited for', async (_, failing) => {
  const { url, faults } = await double();
  faults.featuresFail = failing;
  const ready = whenReady(url, 10_000);
  await eventually(async () => expect(faults.featuresAsked).toBeGreaterThan(0));
  faults.heal();
  await ready;
});

test.each(['22.10.5.0', '21.10.0'])('one of version %s is none that the suite could run on', async (version) => {
  const { url } = await double({ version });
  await expect(whenReady(url)).rejects.toThrow(`is of version ${version}: the suite needs 23.10`);
});
