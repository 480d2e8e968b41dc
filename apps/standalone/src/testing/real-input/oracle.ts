/**
 * What the import must lead to, worked out a second time: plain whole numbers of 10⁻⁹ credit, own reading of the files,
 * own seeded spread after the rule that `drawdown import` documents. Nothing of the product is used.
 */
import { readFileSync } from 'node:fs';

export const ORGANIZATIONS = 200;
export const WORKSPACES = 5;
export const SEED = 20_231_116n;
export const PREFIX = 'tenant-';

const ONE = 1_000_000_000n;

/** Prices per so many tokens, in 10⁻⁹: every odd request a tie to round, nine decimals, and thirds that no decimal ends. */
export const MODELS = [
  { name: 'small', per: 1_000_000n, input: 150_000_500_000n, output: 600n * ONE },
  { name: 'medium', per: 1_000_000n, input: 123_456_789_123n, output: 1_234_567_891_234n },
  { name: 'large', per: 3_000n, input: 10n * ONE, output: 50n * ONE },
] as const;

export interface LotPlan {
  readonly creditType: string;
  readonly priority: number;
  readonly expiresAt: string | null;
  readonly amount: bigint;
}

/** Ends between the two files. */
export const FIRST_EXPIRY = '2023-11-16T21:00:00Z';

const share = (amount: bigint, percent: number, n: number): bigint => (amount * BigInt(percent)) / 100n / BigInt(n);

/** Three lots for the n-th organization, in size as unequal as its usage, some too small and some large enough. */
export const lotsOf = (n: number): readonly LotPlan[] => [
  {
    creditType: 'promotional',
    priority: n % 2 === 0 ? 20 : 35, // of every other organization drawn after the monthly one
    expiresAt: FIRST_EXPIRY,
    amount: share(8_860_123_456_789n, [50, 80, 110, 140][n % 4] ?? 0, n),
  },
  {
    creditType: 'monthly',
    priority: 30,
    expiresAt: '2023-12-16T00:00:00Z',
    amount: share(3_960_987_654_321n, [30, 60, 100][n % 3] ?? 0, n),
  },
  {
    creditType: 'purchased',
    priority: 60,
    expiresAt: n % 5 === 0 ? null : '2024-11-16T00:00:00Z',
    amount: share(3_960_111_222_333n, [20, 80, 200, 400, 100][n % 5] ?? 0, n),
  },
];

/** One request of the files. */
export interface Request {
  readonly line: number;
  /** UTC, to the microsecond. */
  readonly time: string;
  readonly organization: number;
  readonly workspace: string;
  readonly model: string;
  readonly input: string;
  readonly output: string;
  readonly price: bigint;
}

const random = (line: number, k: bigint): bigint => {
  const mask = (value: bigint): bigint => value & 0xffff_ffff_ffff_ffffn;
  let z = mask(SEED + (8n * BigInt(line) + k) * 0x9e37_79b9_7f4a_7c15n);
  z = mask((z ^ (z >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
  z = mask((z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn);
  return z ^ (z >> 31n);
};

const WEIGHTS = Array.from({ length: ORGANIZATIONS }, (_, i) => 1_000_000_000_000n / BigInt(i + 1));
const WEIGHT = WEIGHTS.reduce((sum, weight) => sum + weight, 0n);

const organizationOf = (line: number): number => {
  let rest = random(line, 1n) % WEIGHT;
  for (let i = 0; ; i++) {
    const weight = WEIGHTS[i] ?? WEIGHT;
    if (rest < weight) return i + 1;
    rest -= weight;
  }
};

/** Rounded half to even, as the card of the test says. */
const rounded = (numerator: bigint, denominator: bigint): bigint => {
  const [whole, rest] = [numerator / denominator, numerator % denominator];
  if (rest * 2n === denominator) return whole + (whole % 2n);
  return rest * 2n > denominator ? whole + 1n : whole;
};

/** The requests of a file; the header is its first line. */
export const requestsOf = (file: string): readonly Request[] =>
  readFileSync(file, 'utf8')
    .split(/\r?\n/)
    .flatMap((text, index): Request[] => {
      if (index === 0 || text === '') return [];
      const line = index + 1;
      const [time = '', input = '', output = ''] = text.split(',');
      const model = MODELS[Number(random(line, 4n) % BigInt(MODELS.length))] ?? MODELS[0];
      return [
        {
          ...{ line, input, output, model: model.name, time: `${time.slice(0, 26).replace(' ', 'T')}Z` },
          organization: organizationOf(line),
          workspace: `ws-${String((random(line, 2n) % BigInt(WORKSPACES)) + 1n)}`,
          price: rounded(BigInt(input) * model.input + BigInt(output) * model.output, model.per),
        },
      ];
    });

export interface Expected {
  readonly settled: bigint;
  readonly debt: bigint;
  readonly consumed: bigint;
  readonly expired: bigint;
  /** What is left of each lot, in the order of their grants. */
  readonly remaining: readonly bigint[];
  /** Credits and charges by workspace. */
  readonly workspaces: ReadonlyMap<string, readonly [credits: bigint, transactions: number]>;
}

/** The books of the n-th organization after both files; the first lot expires between them. */
export const expectedOf = (n: number, first: readonly Request[], second: readonly Request[]): Expected => {
  const lots = lotsOf(n).map((plan) => ({ ...plan, left: plan.amount }));
  const inOrder = [...lots].sort((a, b) => a.priority - b.priority);
  const workspaces = new Map<string, [bigint, number]>();
  let [debt, consumed, expired] = [0n, 0n, 0n];
  const charge = ({ price, workspace }: Request): void => {
    const [credits, count] = workspaces.get(workspace) ?? [0n, 0];
    workspaces.set(workspace, [credits + price, count + 1]);
    consumed += price;
    let due = price;
    for (const lot of inOrder) {
      const part = lot.left < due ? lot.left : due;
      lot.left -= part;
      due -= part;
    }
    debt += due;
  };
  first.filter(({ organization }) => organization === n).forEach(charge);
  for (const lot of lots) {
    if (lot.expiresAt !== FIRST_EXPIRY) continue;
    expired += lot.left;
    lot.left = 0n;
  }
  second.filter(({ organization }) => organization === n).forEach(charge);
  const remaining = lots.map(({ left }) => left);
  const settled = remaining.reduce((sum, left) => sum + left, 0n) - debt;
  return { settled, debt, consumed, expired, remaining, workspaces };
};

/** Canonical text of 10⁻⁹ parts. */
export const text = (parts: bigint): string => {
  const magnitude = parts < 0n ? -parts : parts;
  const decimals = (magnitude % ONE).toString().padStart(9, '0').replace(/0+$/, '');
  return `${parts < 0n ? '-' : ''}${(magnitude / ONE).toString()}${decimals === '' ? '' : `.${decimals}`}`;
};

const DAY = 86_400_000_000n;

const instant = (micros: bigint): string => {
  const fraction = String(micros % 1_000_000n).padStart(6, '0');
  return `${new Date(Number(micros / 1_000_000n) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
};

const root = (value: bigint): bigint => {
  let [low, high] = [0n, value + 1n];
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (middle * middle <= value) low = middle;
    else high = middle;
  }
  return low;
};

export interface ExpectedBurn {
  readonly credits_per_day: string;
  readonly projected_depletion_at: string | null;
  readonly low: string | null;
  readonly high: string | null;
  readonly confidence: string;
  readonly basis_days: number;
}

/**
 * When nothing is left at so much a day: day by day no more is drawn than until a lot ends, which takes what it has left with
 * it. `lots` in the order in which they are drawn, with when they end in microseconds.
 */
const depletedAt = (
  lots: readonly { left: bigint; readonly end: bigint | null }[],
  now: bigint,
  rate: bigint,
): bigint => {
  let drawn = 0n;
  for (let at = now; ;) {
    const alive = lots.filter(({ left, end }) => left > 0n && (end === null || end > at));
    const left = alive.reduce((sum, lot) => sum + lot.left, 0n);
    if (left === 0n) return at;
    const out = now + ((drawn + left) * DAY) / rate;
    const ends = alive.flatMap(({ end }) => end ?? []).sort((a, b) => (a < b ? -1 : 1));
    const [next] = ends;
    if (next === undefined || out < next) return out;
    const until = ((next - now) * rate) / DAY;
    let due = until - drawn;
    for (const lot of alive) {
      const part = lot.left < due ? lot.left : due;
      lot.left -= part;
      due -= part;
    }
    [drawn, at] = [until, next];
  }
};

/**
 * The burn rate of the n-th organization, where all was consumed between 18:00 and 20:00 on 16 November: over the days counted
 * back from `now`, which is a whole hour here, to the first consumption. The spread of the days is their standard deviation.
 */
export const burnOf = (n: number, { consumed, settled, remaining }: Expected, now: string): ExpectedBurn => {
  const nowMicros = BigInt(Date.parse(now)) * 1000n;
  const begin = BigInt(Date.parse('2023-11-16T18:00:00Z')) * 1000n;
  const days = consumed === 0n ? 1n : (nowMicros - begin + DAY - 1n) / DAY;
  const perDay = rounded(consumed, days);
  // One day consumed everything, the others nothing.
  const spread = root(days * consumed * consumed - consumed * consumed) / days;
  const depletion = (rate: bigint): string | null => {
    if (rate <= 0n) return null;
    if (settled <= 0n) return instant(nowMicros);
    const lots = lotsOf(n).map(({ priority, expiresAt }, place) => ({
      priority,
      left: remaining[place] ?? 0n,
      end: expiresAt === null ? null : BigInt(Date.parse(expiresAt)) * 1000n,
    }));
    return instant(
      depletedAt(
        lots.sort((a, b) => a.priority - b.priority),
        nowMicros,
        rate,
      ),
    );
  };
  return {
    credits_per_day: text(perDay),
    projected_depletion_at: depletion(perDay),
    low: perDay === 0n ? null : depletion(perDay + spread),
    high: depletion(perDay - spread),
    confidence: days < 3n ? 'low' : days < 7n ? 'medium' : 'high',
    basis_days: Number(days),
  };
};
