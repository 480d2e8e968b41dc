/** What surrounds the load: the organizations it is for, and the checks that end every row of faults. */
import { insist } from '../api';
import { expectedBooks, foundBooks } from './audit';
import path from 'node:path';
import { Seeded } from '../seeded';
import { Generator } from './generator';
import { Journal, type Journaled } from './journal';
import { Operations, ORGANIZATIONS, RATES } from './operations';

/** Organizations with a card and a few credits: most come from the load's own grants. */
export const prepare = async (url: string): Promise<void> => {
  await insist(`${url}/v1/rate-cards`, 'POST', { key: 'load', name: 'Load', unit: 'credit' });
  await insist(`${url}/v1/rate-cards/load/versions`, 'POST', { rates: RATES });
  await insist(`${url}/v1/rate-cards/load/versions/1/activate`, 'POST', { effective_from: '2023-01-01T00:00:00Z' });
  for (const id of ORGANIZATIONS) {
    await insist(`${url}/v1/organizations`, 'POST', { id, name: id, preset: 'enterprise' });
    await insist(`${url}/v1/organizations/${id}/rate-card`, 'PUT', { key: 'load' });
  }
};

/** Everything that clients were told is so, and nothing else. */
export const checkBooks = async (url: string, journal: readonly Journaled[]): Promise<void> => {
  expect(journal.filter(({ reply }) => reply === null)).toEqual([]);
  for (const [organization, want] of expectedBooks(journal)) {
    const { consumed, broken, ...found } = await foundBooks(url, organization);
    expect({ organization, broken }).toEqual({ organization, broken: [] });
    const unknown = [...found.transactions].filter(([id]) => !want.transactions.has(id));
    const missing = [...want.transactions].filter(([id]) => !found.transactions.has(id));
    expect({ organization, unknown, missing }).toEqual({ organization, unknown: [], missing: [] });
    expect({ organization, ...found }).toEqual({ organization, ...want });
    const charged = [...want.transactions].filter(([, change]) => change < 0n);
    expect({ organization, consumed }).toEqual({
      organization,
      consumed: -charged.reduce((sum, [, change]) => sum + change, 0n),
    });
  }
};

/** How often each kind of operation was answered how, for the output. */
export const outcomes = (journal: readonly Journaled[]): string => {
  const counts = new Map<string, number>();
  for (const { operation, reply, tries } of journal) {
    const name = `${operation.kind} ${String(reply?.status)}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (tries > 1) counts.set('sent more than once', (counts.get('sent more than once') ?? 0) + 1);
  }
  return [...counts]
    .map(([name, count]) => `${name}: ${String(count)}`)
    .sort()
    .join(', ');
};

/** How often each reason came up for which an operation was sent again. */
export const failuresOf = (journal: readonly Journaled[]): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const reason of journal.flatMap(({ failures }) => failures)) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
};

export interface Load {
  readonly generator: Generator;
  readonly journal: Journal;
  /** For what the test itself leaves to chance. */
  readonly seeded: Seeded;
}

const loads = new Set<Generator>();

/**
 * Prepares a server and sets clients on it, who rest between two operations where told so; their journal is kept in
 * `folder`. The seed is printed: SEED repeats it.
 */
export const startLoad = async (
  url: string,
  folder: string,
  clients: number,
  { seeded = Seeded.fresh(), restMs = 0 }: { readonly seeded?: Seeded; readonly restMs?: number } = {},
): Promise<Load> => {
  process.stdout.write(`SEED=${String(seeded.seed)}\n`);
  await prepare(url);
  const journal = new Journal(path.join(folder, 'journal.ndjson'));
  const generator = new Generator(url, journal, new Operations(seeded), clients, restMs);
  loads.add(generator);
  return { generator, journal, seeded };
};

/** For after a test: ends what it left going. */
export const endLoads = async (): Promise<void> => {
  await Promise.all([...loads].map((generator) => generator.abandon()));
  loads.clear();
};
