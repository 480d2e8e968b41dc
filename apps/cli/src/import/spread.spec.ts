import { splitMix64, spreadOver, type SpreadRule } from './spread';

const RULE: SpreadRule = {
  seed: 7n,
  organizations: 200,
  prefix: 'org-',
  rule: 'zipf',
  workspaces: 5,
  users: 20,
  models: ['small', 'medium', 'large'],
};

test('SplitMix64 is the published one', () => {
  // First outputs for seed 1234567 of the reference implementation (Vigna, splitmix64.c).
  expect([1n, 2n, 3n].map((n) => splitMix64(1234567n, n))).toEqual([
    6457827717110365317n,
    3203168211198807973n,
    9817491932198370423n,
  ]);
});

test('a line is always assigned alike, whatever lines came before', () => {
  const [one, other] = [spreadOver(RULE), spreadOver(RULE)];
  for (let line = 1; line < 50; line++) one(line);
  expect(one(1_000_000)).toEqual(other(1_000_000));
});

test('another seed is another assignment', () => {
  const [one, other] = [spreadOver(RULE), spreadOver({ ...RULE, seed: 8n })];
  const lines = Array.from({ length: 100 }, (_, i) => i + 1);
  expect(lines.map((line) => one(line))).not.toEqual(lines.map((line) => other(line)));
});

test('the rule is what is documented: the first i whose weights together exceed the output modulo their sum', () => {
  const assign = spreadOver(RULE);
  const weights = Array.from({ length: 200 }, (_, i) => 10n ** 12n / BigInt(i + 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0n);
  for (let line = 1; line <= 500; line++) {
    let rest = splitMix64(7n, 8n * BigInt(line) + 1n) % total;
    let organization = 0;
    while (rest >= (weights[organization] ?? 0n)) rest -= weights[organization++] ?? 0n;
    expect(assign(line)).toEqual({
      organization: `org-${String(organization + 1)}`,
      workspace_id: `ws-${String((splitMix64(7n, 8n * BigInt(line) + 2n) % 5n) + 1n)}`,
      user_id: `user-${String((splitMix64(7n, 8n * BigInt(line) + 3n) % 20n) + 1n)}`,
      model: RULE.models[Number(splitMix64(7n, 8n * BigInt(line) + 4n) % 3n)],
    });
  }
});

test('organizations are as unequal as Zipf says, or equal', () => {
  const countOfFirst = (rule: SpreadRule['rule']): number => {
    const assign = spreadOver({ ...RULE, rule, organizations: 10 });
    return Array.from({ length: 5000 }, (_, i) => assign(i + 1)).filter(({ organization }) => organization === 'org-1')
      .length;
  };
  expect(countOfFirst('zipf')).toBeGreaterThan(1500); // 1 / H(10) = 34 %
  expect(countOfFirst('uniform')).toBeLessThan(600); // 10 %
});

test('what is not to be spread stays away', () => {
  expect(spreadOver({ ...RULE, organizations: 1, workspaces: 0, users: 0, models: [] })(3)).toEqual({
    organization: 'org-1',
  });
});
