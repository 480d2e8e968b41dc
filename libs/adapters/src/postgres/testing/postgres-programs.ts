/** Where the machine has PostgreSQL's server programs, and as whom they may run. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Debian keeps the server's programs out of PATH, one folder per major version. */
const DEBIAN = '/usr/lib/postgresql';
/** Whose account the server gets where the tests run as root: it refuses root. */
const ACCOUNTS = ['postgres', 'nobody'];

/** What to install, for whoever wanted these tests. */
export class PostgresMissing extends Error {
  readonly code = 'postgres_missing';
  constructor() {
    super(
      `a test needs PostgreSQL's server programs (initdb, postgres), which are neither in PATH nor below ${DEBIAN}. ` +
        'Install version 14 or later: `apt-get install postgresql` (Debian, Ubuntu), `dnf install postgresql-server` (Fedora), ' +
        '`brew install postgresql` (macOS)',
    );
  }
}

/** The folder of `initdb` and `postgres`, the latest version of those there are; throws {@link PostgresMissing}. */
export const programsFolder = (): string => {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => path.join(DEBIAN, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(path.delimiter),
  ];
  const found = folders.find((folder) => ['initdb', 'postgres'].every((name) => existsSync(path.join(folder, name))));
  if (found === undefined) throw new PostgresMissing();
  return found;
};

/** Empty unless this process is root's. */
export const account = (): { readonly uid?: number; readonly gid?: number } => {
  if (process.getuid?.() !== 0) return {};
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ACCOUNTS) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new Error(`PostgreSQL refuses to run as root, and there is no account ${ACCOUNTS.join(' or ')}`);
};
