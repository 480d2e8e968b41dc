/** The part of the read database suite about transactions. */
import type { ReadDatabase } from './read-database';
import { gate, newTable, numbers } from './read-database-samples.conformance';

export const transactionsAreWhole = (db: () => ReadDatabase): void => {
  test('a transaction is there once it has resolved, with what its work returned', async () => {
    const table = await newTable(db(), 'n integer');
    const result = await db().transaction(async (tx) => {
      await tx.query(`INSERT INTO ${table} VALUES ($1)`, [1]);
      await tx.query(`INSERT INTO ${table} VALUES ($1)`, [2]);
      return numbers(tx, table);
    });
    expect(result).toEqual([1, 2]);
    expect(await numbers(db(), table)).toEqual([1, 2]);
  });

  test('nothing of a transaction is there where its work rejects', async () => {
    const table = await newTable(db(), 'n integer');
    const failing = db().transaction(async (tx) => {
      await tx.query(`INSERT INTO ${table} VALUES (1)`);
      throw new Error('not today');
    });
    await expect(failing).rejects.toThrow('not today');
    expect(await numbers(db(), table)).toEqual([]);
  });

  test('nothing of a transaction is there where a statement fails, which the caller is told', async () => {
    const table = await newTable(db(), 'n integer PRIMARY KEY');
    const failing = db().transaction(async (tx) => {
      await tx.query(`INSERT INTO ${table} VALUES (1)`);
      await tx.query(`INSERT INTO ${table} VALUES (1)`);
    });
    await expect(failing).rejects.toMatchObject({ code: '23505' });
    expect(await numbers(db(), table)).toEqual([]);
  });

  test('a transaction whose work hides a failed statement rejects all the same', async () => {
    const table = await newTable(db(), 'n integer PRIMARY KEY');
    const hiding = db().transaction(async (tx) => {
      await tx.query(`INSERT INTO ${table} VALUES (1)`);
      await tx.query('SELECT 1 / 0').catch(() => undefined);
    });
    await expect(hiding).rejects.toMatchObject({ code: '25P02' });
    expect(await numbers(db(), table)).toEqual([]);
  });

  test('what a transaction started without waiting for it still belongs to it', async () => {
    const table = await newTable(db(), 'n integer');
    let started: Promise<unknown>[] = [];
    await db().transaction(async (tx) => {
      started = [1, 2, 3].map((n) => tx.query(`INSERT INTO ${table} VALUES ($1)`, [n]));
    });
    await Promise.all(started);
    expect(await numbers(db(), table)).toEqual([1, 2, 3]);
  });

  test('and is gone with it where the work rejects meanwhile', async () => {
    const table = await newTable(db(), 'n integer');
    let started: Promise<unknown>[] = [];
    const failing = db().transaction(async (tx) => {
      started = [1, 2, 3].map((n) => tx.query(`INSERT INTO ${table} VALUES ($1)`, [n]));
      throw new Error('not today');
    });
    await expect(failing).rejects.toThrow('not today');
    await Promise.allSettled(started);
    expect(await numbers(db(), table)).toEqual([]);
  });

  test('a transaction that has ended takes no statement any more', async () => {
    const table = await newTable(db(), 'n integer');
    const kept = await db().transaction(async (tx) => ({ tx }));
    await expect(kept.tx.query(`INSERT INTO ${table} VALUES (1)`)).rejects.toThrow(/has ended/);
    expect(await numbers(db(), table)).toEqual([]);
  });
};

export const transactionsAreApart = (db: () => ReadDatabase): void => {
  test('a query outside neither sees nor joins what a transaction has not committed', async () => {
    const table = await newTable(db(), 'n integer');
    const [written, finish] = [gate(), gate()];
    const failing = db().transaction(async (tx) => {
      await tx.query(`INSERT INTO ${table} VALUES (1)`);
      written.open();
      await finish.passed;
      throw new Error('not today');
    });
    await written.passed;
    const seen = numbers(db(), table);
    const inserted = db().query(`INSERT INTO ${table} VALUES (2)`);
    finish.open();
    await expect(failing).rejects.toThrow('not today');
    await inserted;
    expect(await seen).not.toContain(1);
    expect(await numbers(db(), table)).toEqual([2]);
  });

  test('transactions side by side do not mix', async () => {
    const table = await newTable(db(), 'n integer PRIMARY KEY, half text NOT NULL');
    await db().query(`INSERT INTO ${table} VALUES (0, '')`);
    const pair = async (n: number): Promise<void> =>
      db().transaction(async (tx) => {
        await tx.query(`INSERT INTO ${table} VALUES ($1, 'a')`, [2 * n]);
        await tx.query(`UPDATE ${table} SET half = half || 'x' WHERE n = 0`);
        await tx.query(`INSERT INTO ${table} VALUES ($1, 'b')`, [2 * n + 1]);
        if (n % 2 === 0) throw new Error('not today');
      });
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => pair(i + 1)));
    expect(outcomes.map(({ status }) => status)).toEqual(
      outcomes.map((_, i) => (i % 2 === 0 ? 'fulfilled' : 'rejected')),
    );
    const rows = await db().query(`SELECT n FROM ${table} WHERE n > 0 ORDER BY n`);
    expect(rows).toEqual([1, 3, 5, 7, 9, 11, 13, 15, 17, 19].flatMap((n) => [{ n: 2 * n }, { n: 2 * n + 1 }]));
    expect(await db().query(`SELECT half FROM ${table} WHERE n = 0`)).toEqual([{ half: 'x'.repeat(10) }]);
  });

  test('answers fifty queries at once, each with its own answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => db().query('SELECT $1::integer * 2 AS n', [n])),
    );
    expect(answers).toEqual(answers.map((_, n) => [{ n: 2 * n }]));
  });

  test('the database itself, used inside a transaction, rejects instead of waiting for ever', async () => {
    const table = await newTable(db(), 'n integer');
    const nested: readonly ((inside: ReadDatabase) => Promise<unknown>)[] = [
      (inside) => inside.query('SELECT 1'),
      (inside) => inside.run('SELECT 1'),
      (inside) => inside.transaction(async () => undefined),
    ];
    for (const use of nested) {
      const failing = db().transaction(async (tx) => {
        await tx.query(`INSERT INTO ${table} VALUES (1)`);
        await use(db());
      });
      await expect(failing).rejects.toThrow(/inside a transaction/);
    }
    expect(await numbers(db(), table)).toEqual([]);
  });

  test('after a transaction its caller may use the database again', async () => {
    const after = gate();
    let later: Promise<unknown> | undefined;
    await db().transaction(async (tx) => {
      await tx.query('SELECT 1');
      later = after.passed.then(() => db().query('SELECT 1 AS one'));
    });
    after.open();
    expect(await later).toEqual([{ one: 1 }]);
  });
};
