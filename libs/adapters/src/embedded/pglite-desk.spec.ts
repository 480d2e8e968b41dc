import { DatabaseUnavailable } from '@drawdown/ports';
import { IDLE_TRANSACTION_MS } from '../transactions';
import { PgliteDesk } from './pglite-desk';

/** A session that writes down what it is asked, and answers when the test lets it. */
const scripted = (answers: Readonly<Record<string, string | Error>> = {}) => {
  const asked: string[] = [];
  const answer = async (text: string): Promise<string> => {
    asked.push(text);
    await Promise.resolve();
    const given = answers[text] ?? text;
    if (given instanceof Error) throw given;
    return given;
  };
  const session = {
    query: async (text: string) => [{ asked: await answer(text) }],
    run: answer,
    forgetStatements: () => undefined,
  };
  return { session, asked };
};

const statement = (text: string, transaction?: number) => ({
  statement: text,
  parameters: [],
  ...(transaction === undefined ? {} : { transaction }),
});

describe('the desk of the embedded database', () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ['setImmediate'] }));
  afterEach(() => jest.useRealTimers());

  test('has everything wait that comes while a transaction is open, and serves it in order', async () => {
    const { session, asked } = scripted();
    const desk = new PgliteDesk(session, undefined, fail);
    await desk.begin(1);
    const waiting = [desk.query(statement('outside')), desk.begin(2), desk.run('script')];
    await desk.query(statement('inside 1', 1));
    await desk.end({ transaction: 1, commit: true });
    await waiting[1];
    await desk.query(statement('inside 2', 2));
    await desk.end({ transaction: 2, commit: false });
    await Promise.all(waiting);
    expect(asked).toEqual(['BEGIN', 'inside 1', 'COMMIT', 'outside', 'BEGIN', 'inside 2', 'ROLLBACK', 'script']);
  });

  test('answers questions before the transactions that wait, but lets those have their turn', async () => {
    const { session, asked } = scripted();
    const desk = new PgliteDesk(session, undefined, fail);
    await desk.begin(1);
    const second = desk.begin(2);
    const questions = Array.from({ length: 150 }, () => desk.ask({ statement: 'question', parameters: [] }));
    await desk.end({ transaction: 1, commit: true });
    await second;
    await desk.end({ transaction: 2, commit: true });
    await Promise.all(questions);
    const transactions = asked.flatMap((text, at) => (text === 'BEGIN' || text === 'COMMIT' ? [at] : []));
    expect(transactions).toEqual([0, 1, 102, 103]); // the hundred that may go before it lie between
    expect(asked).toHaveLength(154);
  });

  test('FLT-42: what there is no room for is unavailable to whoever asks, and told as it is to a transaction', async () => {
    const full = Object.assign(new Error('no space left'), { code: '53100' });
    const desk = new PgliteDesk(scripted({ large: full }).session, undefined, fail);
    await expect(desk.ask({ statement: 'large', parameters: [] })).rejects.toBeInstanceOf(DatabaseUnavailable);
    await expect(desk.query(statement('large'))).rejects.toBeInstanceOf(DatabaseUnavailable);
    await desk.begin(1);
    await expect(desk.query(statement('large', 1))).rejects.toBe(full);
    await desk.end({ transaction: 1, commit: false });
  });

  test('hears what comes from outside between any two transactions', async () => {
    const { session } = scripted();
    const desk = new PgliteDesk(session, undefined, fail);
    const order: string[] = [];
    setImmediate(() => order.push('heard'));
    for (const transaction of [1, 2]) {
      await desk.begin(transaction);
      await desk.end({ transaction, commit: true });
      order.push(String(transaction));
    }
    expect(order).toEqual(['1', 'heard', '2']);
  });

  test('rolls back a transaction that runs no statement, so that what waits behind it goes on', async () => {
    const { session, asked } = scripted();
    const desk = new PgliteDesk(session, undefined, fail);
    await desk.begin(1);
    const behind = desk.query(statement('behind'));
    await jest.advanceTimersByTimeAsync(IDLE_TRANSACTION_MS - 1);
    await desk.query(statement('inside', 1)); // begins the wait anew
    await jest.advanceTimersByTimeAsync(IDLE_TRANSACTION_MS - 1);
    expect(asked).toEqual(['BEGIN', 'inside']);
    await jest.advanceTimersByTimeAsync(1);
    await behind;
    expect(asked).toEqual(['BEGIN', 'inside', 'ROLLBACK', 'behind']);
    await expect(desk.query(statement('late', 1))).rejects.toMatchObject({ code: 'transaction_lost' });
    await expect(desk.end({ transaction: 1, commit: true })).rejects.toMatchObject({ code: 'transaction_lost' });
    await desk.end({ transaction: 1, commit: false });
    expect(asked).toEqual(['BEGIN', 'inside', 'ROLLBACK', 'behind']);
  });

  test('knows no transaction that another thread had begun', async () => {
    const { session, asked } = scripted();
    const desk = new PgliteDesk(session, undefined, fail);
    await expect(desk.query(statement('late', 7))).rejects.toMatchObject({ code: 'transaction_lost' });
    expect(asked).toEqual([]);
  });

  test('gives the turn back after whatever fails', async () => {
    const broken = new Error('broken');
    const { session } = scripted({ bad: broken, BEGIN: broken, script: broken });
    const desk = new PgliteDesk(session, undefined, fail);
    await expect(desk.query(statement('bad'))).rejects.toBe(broken);
    await expect(desk.begin(1)).rejects.toBe(broken);
    await expect(desk.run('script')).rejects.toBe(broken);
    expect(await desk.query(statement('good'))).toEqual([{ asked: 'good' }]);
  });

  test('says so where the server rolled back what was to be committed', async () => {
    const { session } = scripted({ COMMIT: 'ROLLBACK' });
    const desk = new PgliteDesk(session, undefined, fail);
    await desk.begin(1);
    await expect(desk.end({ transaction: 1, commit: true })).rejects.toMatchObject({ code: '25P02' });
    expect(await desk.query(statement('next'))).toEqual([{ asked: 'next' }]);
  });
});

const fail = (error: unknown): void => {
  throw error;
};
