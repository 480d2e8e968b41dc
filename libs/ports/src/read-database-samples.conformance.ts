/** What the parts of the read database suite share. */
import type { ReadDatabase, Sql } from './read-database';

/** A table of its own for each test, so that a suite can share one database, and two suites one server. */
let tables = 0;
export const newTable = async (db: ReadDatabase, columns: string): Promise<string> => {
  const name = `conformance_${String(process.pid)}_${String((tables += 1))}`;
  await db.run(`DROP TABLE IF EXISTS ${name}; CREATE TABLE ${name} (${columns});`);
  return name;
};

/** A promise and what settles it: how a test holds a transaction open. */
export const gate = (): { readonly passed: Promise<void>; readonly open: () => void } => {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
};

export const numbers = async (sql: Sql, table: string): Promise<unknown[]> =>
  (await sql.query(`SELECT n FROM ${table} ORDER BY n`)).map(({ n }) => n);
