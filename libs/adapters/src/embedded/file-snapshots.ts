import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { type Log, NO_LOG, savingInTurn, type Snapshot, SNAPSHOTS_KEPT, type SnapshotStore } from '@drawdown/ports';
import { SnapshotChecksum, snapshotChecksum } from '../snapshot-checksum';
import { makeFolder } from './make-folder';

/** First bytes of a snapshot file; another form of file gets another. Then SHA-256, then the bytes. */
const MAGIC = Buffer.from('drawdown snapshot 1\n');
const HEADER_BYTES = MAGIC.byteLength + 32;
const FILE = /^(\d{16})\.snapshot$/;

/** Snapshots as files, `<folder>/<name>/<revision>.snapshot`. One that does not fit its checksum counts as missing. */
export const openFileSnapshots = async (folder: string, log: Log = NO_LOG): Promise<SnapshotStore> => {
  await makeFolder(folder);
  return new FileSnapshots(folder, log);
};

class FileSnapshots implements SnapshotStore {
  /** In turn, so that none meets the temporary file of another, too. */
  readonly save = savingInTurn((name, snapshot) => this.write(name, snapshot));

  constructor(
    private readonly folder: string,
    private readonly log: Log,
  ) {}

  async list(name: string): Promise<readonly number[]> {
    const files = await this.filesOf(name);
    return files
      .flatMap((file) => FILE.exec(file)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => b - a);
  }

  async load(name: string, revision: number): Promise<Uint8Array | undefined> {
    try {
      const file = await readFile(this.fileOf(name, revision)).catch(undefinedWhereMissing);
      if (file === undefined) return undefined;
      const bytes = file.subarray(HEADER_BYTES);
      const header = Buffer.concat([MAGIC, await snapshotChecksum(name, revision, bytes)]);
      if (header.equals(file.subarray(0, HEADER_BYTES))) return bytes;
      this.log.warn({ name, revision }, 'a snapshot is damaged and counts as missing');
    } catch (error) {
      // The disk's own check failed, say. Whoever asked goes on with an older snapshot, or without one.
      this.log.warn({ name, revision, error }, 'a snapshot cannot be read and counts as missing');
    }
    return undefined;
  }

  private async write(name: string, { revision, parts }: Snapshot): Promise<void> {
    const folder = this.folderOf(name);
    const isNew = (await mkdir(folder, { recursive: true })) !== undefined;
    if (isNew) await syncFolder(this.folder);
    const temporary = path.join(folder, 'saving.tmp');
    try {
      const checksum = new SnapshotChecksum(name, revision);
      const handle = await open(temporary, 'w');
      try {
        await handle.writeFile(Buffer.alloc(HEADER_BYTES));
        for await (const part of parts) {
          await checksum.update(part);
          await handle.writeFile(part);
        }
        const header = Buffer.concat([MAGIC, checksum.digest()]);
        await handle.write(header, 0, header.byteLength, 0);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, this.fileOf(name, revision));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(folder);
    for (const old of (await this.list(name)).slice(SNAPSHOTS_KEPT)) await rm(this.fileOf(name, old), { force: true });
  }

  private async filesOf(name: string): Promise<readonly string[]> {
    return (await readdir(this.folderOf(name)).catch(undefinedWhereMissing)) ?? [];
  }

  private folderOf(name: string): string {
    // A letter in front, so that no name is `.` or `..`; what file systems do not take, as `%xx`.
    const encoded = encodeURIComponent(name).replace(/[.*!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
    return path.join(this.folder, `s-${encoded}`);
  }

  private fileOf(name: string, revision: number): string {
    return path.join(this.folderOf(name), `${String(revision).padStart(16, '0')}.snapshot`);
  }
}

/** A new or renamed file survives a power loss only once its folder was written. */
const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform === 'win32') return; // a folder cannot be opened there
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const undefinedWhereMissing = (error: unknown): undefined => {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
};
