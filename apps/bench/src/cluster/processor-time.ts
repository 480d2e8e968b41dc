import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second of /proc: 100 on every Linux that Node runs on. */
const TICKS = 100;

interface Seen {
  readonly parent: number;
  readonly seconds: number;
  /** Of children that have ended and were waited for. */
  readonly ofChildren: number;
}

/** Processor seconds (user and system) of every process that can be seen; empty where there is no /proc. */
const everyProcess = (): Map<number, Seen> => {
  const seen = new Map<number, Seen>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const fields = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      const at = (place: number): number => (fields[place] ?? 0) / TICKS;
      seen.set(Number(name), { parent: fields[1] ?? 0, seconds: at(11) + at(12), ofChildren: at(13) + at(14) });
    } catch {
      continue; // it has ended since
    }
  }
  return seen;
};

/** Processor seconds so far by name, of processes and their children that have no name of their own. */
export const processorTimes = (pids: Readonly<Record<string, number>>): Map<string, number> => {
  const all = everyProcess();
  const named = new Set(Object.values(pids));
  return new Map(
    Object.entries(pids).map(([name, pid]) => {
      const own = all.get(pid);
      let seconds = (own?.seconds ?? NaN) + (own?.ofChildren ?? 0);
      for (const [child, { parent, seconds: more }] of all) if (parent === pid && !named.has(child)) seconds += more;
      return [name, seconds];
    }),
  );
};

/** What each used between two looks. A process that was started in between counts from its start. */
export const usedBetween = (
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Map<string, number> =>
  new Map([...after].map(([name, seconds]) => [name, seconds - Math.min(seconds, before.get(name) ?? 0)]));
