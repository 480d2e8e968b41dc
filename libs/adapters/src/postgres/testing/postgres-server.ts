import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { freePorts } from '../../testing/ports';
import { account, programsFolder } from './postgres-programs';

/** A machine that others use at the same time starts slowly, and a killed server first reads its log. */
const START_MAX_MS = 120_000;
const STOP_MAX_MS = 20_000;
const ASK_EVERY_MS = 20;
/** After a postmaster was killed its children still have the shared memory, and the next one refuses for a moment. */
const TRY_AGAIN_MS = 100;

const USER = 'drawdown';

export interface PostgresServerOptions {
  /** False where nothing has to survive the machine: faster. A killed postmaster loses nothing either way. */
  readonly fsync?: boolean;
  /** Further settings of the server, by name. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where it keeps its data, to be found again by the next start; otherwise a temporary folder. */
  readonly folder?: string;
  /** Where it writes ahead what it changes (`initdb --waldir`), absolute; otherwise in the folder of its data. */
  readonly walFolder?: string;
  /** A free one where absent. */
  readonly port?: number;
}

const running = new Set<ChildProcess>();
// Whatever ends the tests: no server goes on running.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A PostgreSQL of its caller's own, on the loopback: started, stopped, killed and started again on the same folder. */
export class PostgresServer {
  private child: ChildProcess | undefined;
  private output = '';

  private constructor(
    private readonly folder: string,
    private readonly port: number,
    private readonly settings: readonly string[],
  ) {}

  /** Makes a cluster and starts it. Rejects with PostgresMissing where the programs are not there. */
  static async start(options: PostgresServerOptions = {}): Promise<PostgresServer> {
    programsFolder(); // before a folder is made that nobody removes
    const folder = options.folder ?? mkdtempSync(path.join(tmpdir(), 'drawdown-postgres-'));
    await makeCluster(folder, options.walFolder);
    const all = { fsync: options.fsync === false ? 'off' : 'on', ...options.settings };
    const settings = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const server = new PostgresServer(folder, options.port ?? (await freePorts(1))[0] ?? 0, settings);
    await server.again();
    return server;
  }

  /** Address of one of its databases; `postgres` is there from the beginning. */
  url(database = 'postgres'): string {
    return `postgres://${USER}@127.0.0.1:${String(this.port)}/${database}`;
  }

  /** Makes an empty database with a name of its own and answers its address. */
  async newDatabase(): Promise<string> {
    return newDatabase(this.url());
  }

  /** Starts it on the same folder and port, where it does not run; resolves once it answers. */
  async again(): Promise<void> {
    if (this.child !== undefined && running.has(this.child)) return;
    const deadline = performance.now() + START_MAX_MS;
    while (!(await this.tryStart(deadline))) {
      if (performance.now() > deadline) throw new Error(`PostgreSQL does not start:\n${this.output}`);
      await pause(TRY_AGAIN_MS);
    }
  }

  /** SIGKILL of the postmaster: its children see it and end, nothing is written in order. */
  kill(): Promise<void> {
    return this.end('SIGKILL');
  }

  /** Ends it in order, without waiting for those who are connected. */
  stop(): Promise<void> {
    return this.end('SIGINT');
  }

  /** SIGSTOP of all its processes: it takes connections, as the kernel does that, and answers nothing. */
  freeze(): void {
    const { pid } = this;
    process.kill(pid, 'SIGSTOP'); // first, so that it starts no other
    for (const child of childrenOf(pid)) process.kill(child, 'SIGSTOP');
  }

  /** SIGCONT. */
  thaw(): void {
    const { pid } = this;
    for (const child of [...childrenOf(pid), pid]) process.kill(child, 'SIGCONT');
  }

  /** Stops it and removes its folder. */
  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get pid(): number {
    const { child } = this;
    if (child?.pid === undefined || !running.has(child)) throw new Error('PostgreSQL does not run');
    return child.pid;
  }

  /** Resolves to whether it answers; false where it ended instead. */
  private async tryStart(deadline: number): Promise<boolean> {
    const listening = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', `port=${String(this.port)}`];
    const child = spawn(
      path.join(programsFolder(), 'postgres'),
      ['-D', clusterOf(this.folder), ...listening.flatMap((setting) => ['-c', setting]), ...this.settings],
      { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'], detached: true, ...account() },
    );
    running.add(child);
    child.once('close', () => running.delete(child));
    child.stderr.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.child = child;
    while (running.has(child)) {
      if (await answers(this.url())) return true;
      if (performance.now() > deadline) await this.kill();
      else await pause(ASK_EVERY_MS);
    }
    return false;
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === undefined || !running.has(child)) return;
    const closed = once(child, 'close');
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS);
    await closed;
    clearTimeout(late);
  }
}

/** The processes that a process has started and that still run; on Linux. */
const childrenOf = (pid: number): readonly number[] => {
  const children = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8');
  return children.split(' ').filter(Boolean).map(Number);
};

const clusterOf = (folder: string): string => path.join(folder, 'data');

/** Makes the cluster, where there is none. */
const makeCluster = async (folder: string, walFolder?: string): Promise<void> => {
  if (existsSync(clusterOf(folder))) return;
  makeFolder(folder);
  if (walFolder !== undefined) makeFolder(walFolder);
  // Compares texts as a language does, as most servers are set up; what is ours does not (TEXT of the read database).
  const language = ['--locale-provider=icu', '--icu-locale=en-US', '--locale=C'];
  const how = ['-U', USER, '-A', 'trust', '-E', 'UTF8', ...language, '--no-sync'];
  const wal = walFolder === undefined ? [] : ['--waldir', walFolder];
  const initdb = path.join(programsFolder(), 'initdb');
  await promisify(execFile)(initdb, ['-D', clusterOf(folder), ...how, ...wal], { cwd: folder, ...account() });
};

/** A folder of the server's account. */
const makeFolder = (folder: string): void => {
  mkdirSync(folder, { recursive: true });
  const { uid, gid } = account();
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
};

const answers = async (url: string): Promise<boolean> => {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => undefined); // it is asked again, or was only asked whether it is there
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false; // starting, or gone
  } finally {
    await client.end().catch(() => undefined);
  }
};

/** Variable with the address of the server that `npm run test:postgres` starts for its specs. */
export const TEST_SERVER = 'TEST_POSTGRES_URL';

export const testServer = (): string => {
  const url = process.env[TEST_SERVER];
  if (url === undefined) throw new Error(`${TEST_SERVER} is not set: these tests are run by \`npm run test:postgres\``);
  return url;
};

/** An empty database on the server of `url`, with a name of its own; its address. */
export const newDatabase = async (url: string): Promise<string> => {
  const name = `d_${Math.random().toString(36).slice(2)}`;
  await onServer(url, `CREATE DATABASE ${name}`);
  const address = new URL(url);
  address.pathname = `/${name}`;
  return address.href;
};

/** Removes what {@link newDatabase} made, whoever is connected. */
export const dropDatabase = async (url: string): Promise<void> => {
  const server = new URL(url);
  const name = server.pathname.slice(1);
  server.pathname = '/postgres';
  await onServer(server.href, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
};

const onServer = async (url: string, statement: string): Promise<void> => {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
};
