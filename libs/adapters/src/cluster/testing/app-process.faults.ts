import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AppProcess } from './app-process';

/** Ends by itself when it is started first, and never again. */
const STUMBLING = `
  const fs = require('node:fs');
  if (!fs.existsSync(process.env.MARK)) { fs.writeFileSync(process.env.MARK, ''); process.exit(3); }
  setInterval(() => undefined, 1_000);
`;

let folder: string;
let app: AppProcess;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'drawdown-app-process-'));
  const file = path.join(folder, 'main.cjs');
  writeFileSync(file, STUMBLING);
  app = new AppProcess({ name: 'stumbling', file, environment: { MARK: path.join(folder, 'mark') }, port: 0 });
});
afterEach(async () => {
  await app.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a kill of a process that has just ended by itself strikes the one that comes, and each kill is counted', async () => {
  app.start();
  while (app.ownEnds.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await app.kill();
  expect(app.struck).toHaveLength(1);
  await app.kill();
  expect(app.struck).toHaveLength(2);
  expect(app.ownEnds).toHaveLength(1);
});

test('a kill of a process that nobody wants is an error', async () => {
  await expect(app.kill()).rejects.toThrow('nothing to kill');
});
