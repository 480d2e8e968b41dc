import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';

/** What the file begins with, so that no event has position 0. */
const FILE_HEAD = Buffer.from('drawdown event store double 1\n');
const RECORD_HEAD_BYTES = 12;

/** One append, or one tombstone, as it lies in the file: all of it is there, or none. */
export interface FileRecord {
  readonly stream: string;
  /** Revision of the first event. */
  readonly first: number;
  /** 100 ns since 1970, as text. */
  readonly created: string;
  readonly tombstone?: true;
  readonly events: readonly FileEvent[];
}
export interface FileEvent {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly metadataBytes: number;
  readonly dataBytes: number;
}

export interface PlacedRecord {
  readonly record: FileRecord;
  /** Where the record begins; its n-th event has position `at + n`, which is unique and grows, as in a transaction log. */
  readonly at: number;
  /** Where the bytes of its events begin. */
  readonly bodyAt: number;
}

/** A record and its events' bytes, as they are written. */
export const recordBytes = (record: FileRecord, body: readonly Uint8Array[]): Buffer => {
  const header = Buffer.from(JSON.stringify(record));
  const bodyBytes = body.reduce((bytes, part) => bytes + part.byteLength, 0);
  const head = Buffer.alloc(RECORD_HEAD_BYTES);
  head.writeUInt32LE(header.byteLength, 0);
  head.writeUInt32LE(bodyBytes, 4);
  const content = Buffer.concat([header, ...body], header.byteLength + bodyBytes);
  head.writeUInt32LE(crc32(content), 8);
  return Buffer.concat([head, content]);
};

export const placed = (record: FileRecord, at: number): PlacedRecord => ({
  record,
  at,
  bodyAt: at + RECORD_HEAD_BYTES + Buffer.byteLength(JSON.stringify(record)),
});

/** The file of the double: records one after the other, forced to disk before anybody hears of them. */
export class LogFile {
  private constructor(
    private readonly handle: FileHandle,
    private readonly reader: number,
    private end: number,
  ) {}

  /** Opens or makes the file. What a killed process left half written at the end is cut off. */
  static async open(folder: string): Promise<{ file: LogFile; records: PlacedRecord[] }> {
    const name = path.join(folder, 'events.log');
    const handle = await open(name, 'a+');
    const reader = openSync(name, 'r+');
    if (fstatSync(reader).size < FILE_HEAD.byteLength) {
      ftruncateSync(reader, 0);
      await handle.appendFile(FILE_HEAD);
    }
    const records: PlacedRecord[] = [];
    const end = scan(reader, records);
    ftruncateSync(reader, end);
    fsyncSync(reader); // a killed process may have left records in the page cache that a reader could see now
    return { file: new LogFile(handle, reader, end), records };
  }

  /** Where the next record will begin. */
  get nextAt(): number {
    return this.end;
  }

  /** All of them, durable when it resolves; none of them where it rejects. */
  async write(records: readonly Buffer[]): Promise<void> {
    try {
      await this.handle.writev([...records]);
      await this.handle.datasync();
    } catch (error) {
      ftruncateSync(this.reader, this.end);
      throw error;
    }
    this.end += records.reduce((bytes, record) => bytes + record.byteLength, 0);
  }

  read(at: number, bytes: number): Buffer {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    readSync(this.reader, buffer, 0, bytes, at);
    return buffer;
  }

  async close(): Promise<void> {
    closeSync(this.reader);
    await this.handle.close();
  }
}

/** Reads the records from the beginning; returns where the last whole one ends. */
const scan = (file: number, into: PlacedRecord[]): number => {
  const size = fstatSync(file).size;
  let at = FILE_HEAD.byteLength;
  const head = Buffer.alloc(RECORD_HEAD_BYTES);
  while (at + RECORD_HEAD_BYTES <= size) {
    readSync(file, head, 0, RECORD_HEAD_BYTES, at);
    const [headerBytes, bodyBytes, checksum] = [head.readUInt32LE(0), head.readUInt32LE(4), head.readUInt32LE(8)];
    const contentBytes = headerBytes + bodyBytes;
    if (at + RECORD_HEAD_BYTES + contentBytes > size) break;
    const content = Buffer.alloc(contentBytes);
    readSync(file, content, 0, contentBytes, at + RECORD_HEAD_BYTES);
    if (crc32(content) !== checksum) break;
    const record = JSON.parse(content.toString('utf8', 0, headerBytes)) as FileRecord;
    into.push({ record, at, bodyAt: at + RECORD_HEAD_BYTES + headerBytes });
    at += RECORD_HEAD_BYTES + contentBytes;
  }
  return at;
};
