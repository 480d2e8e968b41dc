import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '../usage-error';
import { cellsOf } from './csv';
import { type Place, readLines } from './lines';

/** Of the file's beginning, what tells one file from another of the same size. */
const HEAD_BYTES = 64 * 1024;

export type Format = 'csv' | 'ndjson';

const FORMATS: Readonly<Record<string, Format>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
};

/** A file to import, looked at but not read. */
export interface SourceFile {
  readonly path: string;
  readonly format: Format;
  readonly delimiter: string;
  /** Of CSV; null for NDJSON, whose lines name their fields themselves. */
  readonly columns: readonly string[] | null;
  /** Where the records begin. */
  readonly start: Place;
  readonly size: number;
  readonly headHash: string;
}

export interface SourceOptions {
  readonly format?: Format;
  readonly delimiter?: string;
}

/** Throws {@link UsageError} where the file cannot be imported at all. */
export const openSource = async (file: string, options: SourceOptions, signal: AbortSignal): Promise<SourceFile> => {
  const extension = path.extname(file).toLowerCase();
  const format = options.format ?? FORMATS[extension];
  if (format === undefined) throw new UsageError(`${file}: give --format csv or --format ndjson`);
  const delimiter = options.delimiter ?? (extension === '.tsv' ? '\t' : ',');
  const known = { path: file, format, delimiter, ...(await identityOf(file)) };
  if (format === 'ndjson') return { ...known, columns: null, start: { line: 0, offset: 0 } };
  return { ...known, ...(await readHeader(file, delimiter, signal)) };
};

const identityOf = async (file: string): Promise<Pick<SourceFile, 'size' | 'headHash'>> => {
  const handle = await open(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(error.code === 'ENOENT' ? `there is no file ${file}` : `${file}: ${error.message}`);
  });
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new UsageError(`${file} is no file`);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const headHash = createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex');
    return { size: stats.size, headHash };
  } finally {
    await handle.close();
  }
};

const readHeader = async (
  file: string,
  delimiter: string,
  signal: AbortSignal,
): Promise<Pick<SourceFile, 'columns' | 'start'>> => {
  for await (const { number, bytes, tooLong, end } of readLines(file, { line: 0, offset: 0 }, signal)) {
    if (!isUtf8(bytes))
      throw new UsageError(`${file}: the header is not UTF-8; convert the file, for example with iconv`);
    const columns = cellsOf(bytes.toString(), delimiter);
    if (tooLong || 'code' in columns) throw new UsageError(`${file}: line 1 is no header of a CSV file`);
    const seen = new Set<string>();
    const twice = columns.find((column) => seen.size === seen.add(column).size);
    if (twice !== undefined)
      throw new UsageError(`${file}: the header names the column ${JSON.stringify(twice)} twice`);
    return { columns, start: { line: number, offset: end } };
  }
  throw new UsageError(`${file} is empty: a CSV file begins with its header`);
};
