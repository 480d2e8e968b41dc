import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Seeded } from '../seeded';
import { ROOT } from '../server-process';

/** The two files to import, in the order in which they are imported. */
export interface UsageFiles {
  readonly conversation: string;
  readonly code: string;
  /** False where they were generated because the real ones are not there. */
  readonly real: boolean;
}

const CONVERSATION = 'azure-llm-2023-conv.csv';
const CODE = 'azure-llm-2023-code.csv';

/**
 * Copies of the Azure public dataset "LLM inference trace 2023" (CC-BY 4.0; Patel et al., Splitwise, ISCA 2024) where
 * DRAWDOWN_REAL_DATA, or ../shared/data beside the repository, has it; else files generated after its distributions.
 */
export const usageFilesIn = (folder: string): UsageFiles => {
  mkdirSync(folder, { recursive: true });
  const from = path.resolve(process.env['DRAWDOWN_REAL_DATA'] ?? path.join(ROOT, '../shared/data'));
  const [conversation, code] = [path.join(folder, CONVERSATION), path.join(folder, CODE)];
  const real = existsSync(path.join(from, CONVERSATION)) && existsSync(path.join(from, CODE));
  if (real) {
    // Copied, because the importer keeps its state beside the file.
    writeFileSync(conversation, readFileSync(path.join(from, CONVERSATION)));
    writeFileSync(code, readFileSync(path.join(from, CODE)));
  } else {
    writeFileSync(conversation, generated(new Seeded(1), 19_366, CONVERSATION_TOKENS));
    writeFileSync(code, generated(new Seeded(2), 8_819, CODE_TOKENS));
  }
  return { conversation, code, real };
};

/** Tokens at these percentiles of the dataset's requests. */
const PERCENTILES = [0, 1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.9, 100];
const CONVERSATION_TOKENS = {
  input: [2, 29, 181, 207, 387, 403, 703, 1020, 1071, 1130, 1315, 2735, 4083, 4098, 4142, 6212, 14050],
  output: [7, 16, 41, 54, 77, 91, 103, 129, 177, 384, 400, 424, 451, 540, 601, 954, 1000],
};
const CODE_TOKENS = {
  input: [3, 17, 75, 147, 385, 770, 1075, 1469, 1909, 2433, 3193, 5194, 7315, 7436, 7436, 7437, 7437],
  output: [6, 6, 6, 7, 8, 9, 11, 13, 16, 20, 29, 55, 90, 172, 252, 831, 1899],
};

/** A value whose distribution has these percentiles, straight lines between them. */
const drawn = (seeded: Seeded, values: readonly number[]): number => {
  const at = seeded.below(100_000) / 1000;
  const next = Math.max(
    1,
    PERCENTILES.findIndex((percentile) => percentile > at),
  );
  const [low = 0, high = 100] = [PERCENTILES[next - 1], PERCENTILES[next]];
  const [from = 0, to = 0] = [values[next - 1], values[next]];
  return Math.round(from + ((to - from) * (at - low)) / (high - low));
};

const FIRST_MS = Date.parse('2023-11-16T18:15:46.680Z');
const LAST_MS = Date.parse('2023-11-16T19:14:08.402Z');

const generated = (seeded: Seeded, count: number, tokens: typeof CODE_TOKENS): string => {
  const times = Array.from({ length: count }, () => FIRST_MS + seeded.below(LAST_MS - FIRST_MS)).sort((a, b) => a - b);
  const rows = times.map((ms) => {
    const time = new Date(ms)
      .toISOString()
      .replace('T', ' ')
      .replace('Z', `${String(seeded.below(10_000)).padStart(4, '0')}`);
    return `${time},${String(drawn(seeded, tokens.input))},${String(drawn(seeded, tokens.output))}`;
  });
  return ['TIMESTAMP,ContextTokens,GeneratedTokens', ...rows].join('\r\n');
};
