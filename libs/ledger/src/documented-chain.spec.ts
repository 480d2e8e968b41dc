import type { StoredEvent } from '@drawdown/ports';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { runInNewContext } from 'node:vm';
import { grant, hold, openLedger, used, withOrganization } from './testing';

const README = readFileSync(path.resolve(__dirname, '../../../schemas/README.md'), 'utf8');

type Check = (events: readonly StoredEvent[]) => number | null;

/** The program that schemas/README.md gives to those who check a log without this one. */
const documented = (): Check => {
  const program = /```js\n([\s\S]*?)```/.exec(README)?.[1] ?? '';
  return runInNewContext(`${program}\nfirstThatDiffers`, { createHash, Buffer }) as Check;
};

test('INV-AUD-1: the documented program takes a log as it was written, and names the first event that is not', async () => {
  const world = await openLedger();
  await withOrganization(world, { credits: '10' });
  await Promise.all([
    world.run(grant('5', { reason: 'für “später” \u{1F4B6}' }), { key: 'k' }),
    world.charge(used('a')),
  ]);
  await world.run(hold('99'), { key: 'x' });
  const log = await world.store.read('ledger-0', 0, 1_000);
  const check = documented();
  expect(log.length).toBeGreaterThan(5);
  expect(check(log)).toBeNull();
  for (const [revision, event] of log.entries()) {
    const changes: Partial<StoredEvent>[] = [
      { data: Buffer.concat([event.data, Buffer.from(' ')]) },
      { type: `${event.type} ` },
      { id: log[0]?.id === event.id ? 'other' : (log[0]?.id ?? '') },
      { metadata: { ...event.metadata, booked_at: '2020-01-01T00:00:00.000000Z' } },
    ];
    for (const change of changes) expect(check(log.with(revision, { ...event, ...change }))).toBe(revision);
    if (revision < log.length - 1) expect(check(log.toSpliced(revision, 1))).toBe(revision);
  }
});
