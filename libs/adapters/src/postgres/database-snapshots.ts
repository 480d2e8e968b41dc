import {
  DatabaseUnavailable,
  type Log,
  NO_LOG,
  type ReadDatabase,
  type Row,
  savingInTurn,
  type Snapshot,
  SNAPSHOTS_KEPT,
  type SnapshotStore,
  type Sql,
  TEXT,
  Turns,
} from '@drawdown/ports';
import { SnapshotChecksum, snapshotChecksum } from '../snapshot-checksum';

/** Of a row: what the server and this side hold of a snapshot at a time. */
const PART_BYTES = 1024 * 1024;
/** A snapshot that takes longer saves nothing: the log is read at about 100,000 events a second. */
const LOAD_MAX_MS = 20_000;
/** Two `CREATE TABLE IF NOT EXISTS` at once can collide; not the lock of scripts, behind which an index may take hours. */
const TABLES_LOCK = '4919831408';
/** What PostgreSQL calls a table that is not there (appendix A). */
const UNDEFINED_TABLE = '42P01';

const TABLES = [
  `CREATE TABLE IF NOT EXISTS ledger_snapshots (
    name ${TEXT}, revision bigint, bytes bigint NOT NULL, checksum bytea NOT NULL, PRIMARY KEY (name, revision))`,
  `CREATE TABLE IF NOT EXISTS ledger_snapshot_parts (
    name ${TEXT}, revision bigint, part integer, content bytea NOT NULL,
    PRIMARY KEY (name, revision, part),
    FOREIGN KEY (name, revision) REFERENCES ledger_snapshots ON DELETE CASCADE)`,
];

/**
 * Snapshots in a database that all workers reach: whoever takes a shard over begins with the last one of an owner before.
 * The tables are made with the first snapshot. One that does not fit its checksum counts as missing.
 */
export const databaseSnapshots = (database: ReadDatabase, log: Log = NO_LOG): SnapshotStore =>
  new DatabaseSnapshots(database, log);

class DatabaseSnapshots implements SnapshotStore {
  readonly save = savingInTurn((name, snapshot) => this.write(name, snapshot));
  /** In turn, too: however many shards are taken over at once, they take one connection and the room of one. */
  private readonly loads = new Turns();

  constructor(
    private readonly database: ReadDatabase,
    private readonly log: Log,
  ) {}

  async list(name: string): Promise<readonly number[]> {
    const statement = 'SELECT revision FROM ledger_snapshots WHERE name = $1 ORDER BY revision DESC';
    const rows = await this.database.query<{ readonly revision: string }>(statement, [name]).catch(noneWithoutTable);
    return rows.map(({ revision }) => Number(revision));
  }

  load(name: string, revision: number): Promise<Uint8Array | undefined> {
    return this.loads.run(() => this.read(name, revision));
  }

  private async read(name: string, revision: number): Promise<Uint8Array | undefined> {
    const end = performance.now() + LOAD_MAX_MS;
    const [head] = await this.database
      .query<{ readonly bytes: string; readonly checksum: Uint8Array }>(
        'SELECT bytes, checksum FROM ledger_snapshots WHERE name = $1 AND revision = $2',
        [name, revision],
      )
      .catch(noneWithoutTable);
    if (head === undefined) return undefined;
    const bytes = Buffer.alloc(Number(head.bytes));
    for (let start = 0; start < bytes.byteLength; start += PART_BYTES) {
      if (performance.now() > end) {
        this.log.warn({ name, revision }, 'a snapshot comes too slowly and counts as missing: the log is read instead');
        return undefined;
      }
      const [row] = await this.asked<{ readonly content: Uint8Array }>(
        'SELECT content FROM ledger_snapshot_parts WHERE name = $1 AND revision = $2 AND part = $3',
        [name, revision, start / PART_BYTES],
      );
      if (row !== undefined) bytes.set(row.content.subarray(0, bytes.byteLength - start), start);
    }
    if ((await snapshotChecksum(name, revision, bytes)).equals(head.checksum)) return bytes;
    this.log.warn({ name, revision }, 'a snapshot is damaged and counts as missing');
    return undefined;
  }

  /** Once more where it was not answered: one part of many, and whoever made a state of the one before held us up. */
  private asked<R extends Row>(statement: string, parameters: readonly (string | number)[]): Promise<readonly R[]> {
    const ask = (): Promise<readonly R[]> => this.database.query<R>(statement, parameters);
    return ask().catch((error: unknown) => {
      if (error instanceof DatabaseUnavailable) return ask();
      throw error;
    });
  }

  private async write(name: string, { revision, parts }: Snapshot): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(${TABLES_LOCK})`);
      for (const table of TABLES) await tx.query(table);
    });
    await this.database.transaction(async (tx) => {
      // An owner that lost the shard may be saving its last one, while the next owner saves its first.
      await tx.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);
      await tx.query('DELETE FROM ledger_snapshots WHERE name = $1 AND revision = $2', [name, revision]);
      await tx.query("INSERT INTO ledger_snapshots VALUES ($1, $2, 0, '')", [name, revision]);
      const { bytes, checksum } = await insertParts(tx, name, revision, parts);
      await tx.query(
        "UPDATE ledger_snapshots SET bytes = $3, checksum = decode($4, 'hex') WHERE name = $1 AND revision = $2",
        [name, revision, bytes, checksum.toString('hex')],
      );
      await tx.query(
        `DELETE FROM ledger_snapshots WHERE name = $1 AND revision NOT IN (
           SELECT revision FROM ledger_snapshots WHERE name = $1 ORDER BY revision DESC LIMIT ${String(SNAPSHOTS_KEPT)})`,
        [name],
      );
    });
  }
}

const insertParts = async (
  tx: Sql,
  name: string,
  revision: number,
  parts: Snapshot['parts'],
): Promise<{ readonly bytes: number; readonly checksum: Buffer }> => {
  const checksum = new SnapshotChecksum(name, revision);
  let [bytes, row] = [0, 0];
  for await (const part of rowsOf(parts)) {
    await checksum.update(part);
    await tx.query("INSERT INTO ledger_snapshot_parts VALUES ($1, $2, $3, decode($4, 'base64'))", [
      ...[name, revision, row++, part.toString('base64')],
    ]);
    bytes += part.byteLength;
  }
  return { bytes, checksum: checksum.digest() };
};

/** The same bytes in pieces of {@link PART_BYTES}, but for the last. */
async function* rowsOf(parts: Snapshot['parts']): AsyncGenerator<Buffer> {
  let row = Buffer.alloc(PART_BYTES);
  let filled = 0;
  for await (const part of parts) {
    for (let start = 0; start < part.byteLength;) {
      const piece = part.subarray(start, start + PART_BYTES - filled);
      row.set(piece, filled);
      filled += piece.byteLength;
      start += piece.byteLength;
      if (filled < PART_BYTES) continue;
      yield row;
      row = Buffer.alloc(PART_BYTES);
      filled = 0;
    }
  }
  if (filled > 0) yield row.subarray(0, filled);
}

const noneWithoutTable = (error: unknown): readonly [] => {
  if ((error as { readonly code?: unknown }).code === UNDEFINED_TABLE) return [];
  throw error;
};
