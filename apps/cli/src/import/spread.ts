/**
 * A fixed rule for files without a tenant column: which organization, workspace, user and model a line belongs to
 * follows from the seed and the line's number alone, so that every run, and anyone who checks it, assigns alike.
 *
 * The n-th line of the file (from 1, a CSV header counts) uses outputs 8n + 1 … 8n + 4 (counted from 1) of SplitMix64
 * (Steele, Lea, Flood 2014) started at the seed: the first chooses the organization, then workspace, user, model. An
 * output r chooses among N by weight: with weights ⌊10¹² / i⌋ for i = 1 … N (`zipf`) or all 1 (`uniform`) and their
 * sum W, it is the first i whose weights up to i together exceed r mod W. Organizations are chosen by `--spread`'s
 * rule, the others uniformly.
 */
export interface SpreadRule {
  readonly seed: bigint;
  readonly organizations: number;
  readonly prefix: string;
  readonly rule: 'zipf' | 'uniform';
  /** 0: lines get none. */
  readonly workspaces: number;
  readonly users: number;
  readonly models: readonly string[];
}

export interface Assigned {
  readonly organization: string;
  readonly workspace_id?: string;
  readonly user_id?: string;
  readonly model?: string;
}

const GAMMA = 0x9e3779b97f4a7c15n;
const OUTPUTS_PER_LINE = 8n;
const ZIPF_SCALE = 1_000_000_000_000n;

const wrap = (value: bigint): bigint => BigInt.asUintN(64, value);

/** The n-th output (from 1) of SplitMix64 started at `seed`. */
export const splitMix64 = (seed: bigint, n: bigint): bigint => {
  let z = wrap(seed + n * GAMMA);
  z = wrap((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = wrap((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
};

/** Sums of the weights up to each place. */
const sumsOf = (count: number, rule: SpreadRule['rule']): bigint[] => {
  let total = 0n;
  return Array.from({ length: count }, (_, i) => (total += rule === 'zipf' ? ZIPF_SCALE / BigInt(i + 1) : 1n));
};

/** Place (from 1) of the first sum that exceeds `output` modulo the last one. */
const choose = (sums: readonly bigint[], output: bigint): number => {
  const at = output % (sums.at(-1) ?? 1n);
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] ?? 0n) > at) high = middle;
    else low = middle + 1;
  }
  return low + 1;
};

export const spreadOver = (rule: SpreadRule): ((line: number) => Assigned) => {
  const organizations = sumsOf(rule.organizations, rule.rule);
  const [workspaces, users, models] = [rule.workspaces, rule.users, rule.models.length].map((count) =>
    sumsOf(count, 'uniform'),
  ) as [bigint[], bigint[], bigint[]];
  return (line) => {
    const output = (k: bigint): bigint => splitMix64(rule.seed, OUTPUTS_PER_LINE * BigInt(line) + k);
    const model = rule.models[choose(models, output(4n)) - 1];
    return {
      organization: `${rule.prefix}${String(choose(organizations, output(1n)))}`,
      ...(rule.workspaces === 0 ? {} : { workspace_id: `ws-${String(choose(workspaces, output(2n)))}` }),
      ...(rule.users === 0 ? {} : { user_id: `user-${String(choose(users, output(3n)))}` }),
      ...(model === undefined ? {} : { model }),
    };
  };
};
