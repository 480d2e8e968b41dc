import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { randomUUID } from 'node:crypto';
import type { Organization } from '@drawdown/domain';
import { type Instant, DAY_MICROS, identityWith, shift } from '@drawdown/kernel';
import { REMEMBERED_DAYS } from '@drawdown/domain';
import { IdentityIndex } from '@drawdown/ledger/testing';
import { benchOrganization, NOW } from '../domain-world';
import type { Row } from '../row';
import { spreadOf } from '../rounds';

const ORGANIZATIONS = 100_000;
const IDS = 10_000_000;
const SHARDS = 4;
const MEGABYTE = 1024 * 1024;

/** Megabytes of heap and buffers in use after a full collection. */
const used = (): number => {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / MEGABYTE;
};

/** Ids of usage in the order of their booking, shared out over the shards. */
const rememberIds = (): readonly IdentityIndex[] => {
  const indexes = Array.from({ length: SHARDS }, () => new IdentityIndex());
  const perDay = IDS / REMEMBERED_DAYS;
  let bookedAt: Instant = NOW;
  for (let n = 0; n < IDS; n++) {
    if (n % perDay === 0) bookedAt = shift(NOW, BigInt(n / perDay) * DAY_MICROS);
    indexes[n % SHARDS]?.insert(identityWith(randomUUID()), { revision: n, index: 0 }, bookedAt, false);
  }
  return indexes;
};

/** What a worker keeps in memory, on top of a process that has loaded the product; the garbage of its work comes on top. */
export const memory: Row = {
  key: 'memory',
  title: 'memory of what a worker keeps',
  run: ({ progress }) => {
    const before = used();
    const processMb = process.memoryUsage().rss / MEGABYTE;
    const organizations = new Map<string, Organization>();
    for (let n = 0; n < ORGANIZATIONS; n++) {
      const id = `org_${String(n)}`;
      organizations.set(id, benchOrganization(id, 3));
    }
    const withOrganizations = used();
    progress(`  ${String(organizations.size)} organizations made`);
    const indexes = rememberIds();
    const after = used();
    // Asked after the collection, so that it cannot have taken the indexes.
    const remembered = indexes.reduce((total, { size }) => total + size, 0);
    return Promise.resolve([
      {
        name: 'memory of 100,000 organizations and 10 million remembered ids',
        unit: 'MB',
        ratio: spreadOf([processMb + after - before]),
        gate: { at: 'most', value: 512 },
        aim: null,
        denominators: [],
        context: {
          bytes_an_organization: Math.round(((withOrganizations - before) * MEGABYTE) / organizations.size),
          bytes_an_id: ((after - withOrganizations) * MEGABYTE) / remembered,
          lots_an_organization: 3,
          process_mb: Math.round(processMb),
          not_in_it: 'the garbage of its work',
        },
      },
    ]);
  },
};
