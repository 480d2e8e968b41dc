import { readFileSync } from 'node:fs';
import { drawdown, fileWith, type Ran, removeFiles } from './command-line';
import { IntakeServer } from './intake-server';

/** What a CSV file of {@link csv} is imported with. */
export const MAPPED = ['--map', 'time=at', '--map', 'quantities.input_tokens=in', '--set', 'service_type=llm_call'];
export const HEADER = 'at,in,who\n';

export const row = (n: number): string =>
  `2026-03-01T10:00:${String(n % 60).padStart(2, '0')}Z,${String(n + 1)},u${String(n)}\n`;

/** A file of so many good lines after the header. */
export const csv = (count: number): string =>
  fileWith('usage.csv', HEADER + Array.from({ length: count }, (_, n) => row(n)).join(''));

/** A double of the server for each test of a file, and imports into it. */
export class ImportScene {
  private double: IntakeServer | undefined;

  constructor() {
    beforeEach(async () => {
      this.double = await IntakeServer.start();
    });
    afterEach(() => this.double?.close());
    afterAll(removeFiles);
  }

  get server(): IntakeServer {
    if (this.double === undefined) throw new Error('the double runs only while a test does');
    return this.double;
  }

  importing(file: string, ...words: string[]): Promise<Ran> {
    return drawdown(['import', file, '--url', this.server.url, '--json', ...words]);
  }

  importingMapped(file: string, ...words: string[]): Promise<Ran> {
    return this.importing(file, '--organization', 'acme', ...MAPPED, ...words);
  }
}

/** The lines of a file's error report. */
export const reportOf = (file: string): Record<string, unknown>[] =>
  readFileSync(`${file}.errors.ndjson`, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
