import { DatabaseUnavailable } from '@drawdown/ports';
import { DatabaseTooNew } from './format';
import { ReadModelBehind } from './progress';
import { ProgressMirror } from './progress-mirror';
import type { ProgressReport } from './progress-report';

const report = (revision: number, more: Partial<ProgressReport> & { suffix?: string } = {}): ProgressReport => {
  const { suffix = '_v1_g1', ...rest } = more;
  return {
    ...{ opened: true, failure: null, health: [] },
    serving: [{ projector: 'sums', suffix, revisions: [revision] }],
    ...rest,
  };
};

const opened = () => {
  const lost: string[] = [];
  const mirror = new ProgressMirror((projector, suffix) => void lost.push(projector + suffix));
  return { mirror, lost };
};

test('a read waits for its position until the report that has it (INV-DEL-5)', async () => {
  const { mirror } = opened();
  mirror.accept(report(3));
  await mirror.reached('sums', 0, 3, 0);
  const waiting = mirror.reached('sums', 0, 5, 5_000);
  mirror.accept(report(4));
  await expect(mirror.reached('sums', 0, 5, 0)).rejects.toThrow(ReadModelBehind);
  mirror.accept(report(5));
  await waiting;
});

test('another generation answers from its report on, and who waited waits for it', async () => {
  const { mirror, lost } = opened();
  mirror.accept(report(3));
  const waiting = mirror.reached('sums', 0, 6, 5_000);
  mirror.accept(report(5, { suffix: '_v1_g2' }));
  expect(await mirror.serving('sums')).toBe('_v1_g2');
  mirror.accept(report(6, { suffix: '_v1_g2' }));
  await waiting;
  mirror.lost('sums', '_v1_g1'); // known
  mirror.lost('sums', '_v1_g2');
  expect(lost).toEqual(['sums_v1_g2']);
});

test('where the runner begins anew, the tables it has not got to yet go on answering', async () => {
  const { mirror } = opened();
  mirror.accept(report(3));
  const waiting = mirror.reached('sums', 0, 4, 5_000);
  mirror.accept({ ...report(0), opened: false, serving: [] });
  expect(await mirror.serving('sums')).toBe('_v1_g1');
  mirror.accept(report(-1));
  mirror.accept(report(4));
  await waiting;
  mirror.accept({ ...report(0), serving: [] });
  await expect(mirror.serving('sums')).rejects.toThrow(ReadModelBehind);
});

test('who waits is told at once where the projector stops for good, and where no report will come', async () => {
  const { mirror } = opened();
  mirror.accept(report(3));
  const [first, second] = [mirror.reached('sums', 0, 4, 60_000), mirror.reached('sums', 0, 4, 60_000)];
  const behind = Promise.all([first, second].map((read) => expect(read).rejects.toThrow(ReadModelBehind)));
  const at = { revision: 4, type: null };
  const halted = { ...at, projector: 'sums', model: 'sums_v1_g1', shard: 0, stream: 's', at, reason: 'no' };
  mirror.accept(report(3, { health: [{ ...halted, revision: 3, state: 'halted' }] }));
  await behind;
  const third = mirror.reached('sums', 0, 4, 60_000);
  mirror.giveUp();
  await expect(third).rejects.toThrow(ReadModelBehind);
});

test('before the tables are there it says why, and a database that is too new refuses the start', async () => {
  const { mirror } = opened();
  expect(mirror.trouble).toMatch(/being prepared/);
  await expect(mirror.serving('sums')).rejects.toThrow(ReadModelBehind);
  const away = { message: 'nobody listens', tooNew: null };
  mirror.accept(report(0, { opened: false, serving: [], failure: away }));
  expect(mirror.trouble).toBe('nobody listens');
  await expect(mirror.serving('sums')).rejects.toThrow(DatabaseUnavailable);
  const opening = mirror.opened();
  const tooNew = { message: 'too new', tooNew: { found: 9, known: 1 } };
  mirror.accept(report(0, { opened: false, serving: [], failure: tooNew }));
  await expect(opening).rejects.toMatchObject({ found: 9, known: 1 });
  await expect(mirror.opened()).rejects.toThrow(DatabaseTooNew);
  mirror.accept(report(0));
  await mirror.opened();
  expect(mirror.trouble).toBeNull();
});
