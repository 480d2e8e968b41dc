import { Reached } from './progress';

test('who waits for what will not come is told, also who comes after that was known', async () => {
  const reached = new Reached();
  const waiting = reached.wait(3);
  reached.giveUp();
  expect(await waiting).toBe(false);
  expect(await reached.wait(3)).toBe(false);
});

test('what goes on after all is waited for again', async () => {
  const reached = new Reached();
  reached.giveUp();
  reached.set(2);
  const waiting = reached.wait(3);
  reached.set(3);
  expect(await waiting).toBe(true);
});

test('what has come is there, even where no more will', async () => {
  const reached = new Reached();
  reached.set(3);
  reached.giveUp();
  expect(await reached.wait(3)).toBe(true);
});
