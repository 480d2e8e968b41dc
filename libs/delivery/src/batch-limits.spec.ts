import { batchLimits } from './batch-limits';

const MIB = 1024 * 1024;

test('FLT-11: what all followers have in hand at the same time fits into the heap', () => {
  expect(batchLimits(40, 4_096 * MIB, []).weight).toBe(20_000);
  // What V8 calls its limit with --max-old-space-size=64: what is young is in it, whatever its size.
  expect(batchLimits(2, 112 * MIB, []).weight).toBe(2_048);
  expect(batchLimits(16, 112 * MIB, []).weight).toBe(256);
  expect(batchLimits(16, 10 * MIB, []).weight).toBe(200);
  expect(batchLimits(2, 256 * MIB, ['--max-semi-space-size=64', '--enable-source-maps']).weight).toBe(2_048);
  expect(batchLimits(0).weight).toBeGreaterThan(0);
});
