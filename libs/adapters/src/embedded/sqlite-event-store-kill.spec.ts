import { appendAndKill, checkAppended } from './testing/appending';
import { folders } from './testing/folders';

const freshFolder = folders();

test('a process that is killed while it appends has lost nothing it had acknowledged, and doubled nothing', async () => {
  const folder = freshFolder();
  const acknowledged = await appendAndKill(folder, 4, 12);
  expect(acknowledged.size).toBe(4);
  expect(await checkAppended(folder, acknowledged)).toBeGreaterThan(12);
});
