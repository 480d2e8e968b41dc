import { spawnSync } from 'node:child_process';

/** What to put before a program so that on Linux it ends with this process, however that ends. */
export const diesWithUs = (): string[] => {
  const has = process.platform === 'linux' && spawnSync('setpriv', ['--version']).status === 0;
  return has ? ['setpriv', '--pdeathsig', 'KILL'] : [];
};
