import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { brokerProperties, type Ports, SASL_USER, SCRAM } from './broker-properties';
import { diesWithUs } from './dies-with-us';
import { run } from '../../testing/run';
import { kafkaJars } from './jars';
import { freePorts } from '../../testing/ports';

/** Seen: 2 s for a first start, 2 s after a kill; with both processors busy several times that. */
const READY_MAX_MS = 90_000;
const FORMAT_MAX_MS = 60_000;
/** SIGTERM takes 0.3 s; a broker that does not end by then is killed. */
const STOP_MAX_MS = 15_000;
const CLUSTER_ID = '4L6g3nShT-eMCtK--X86sw';
/** What of its output is shown where it does not start. */
const OUTPUT_KEPT = 4_000;

export interface BrokerOptions {
  /** Where its data lies; kept afterwards. Without it a temporary folder, removed by `stop`. */
  readonly folder?: string;
  readonly port?: number;
  /** Port of a proxy to `proxied`: the broker names it to clients that come through it. */
  readonly proxyPort?: number;
  readonly properties?: Readonly<Record<string, string>>;
  /** The first broker of the cluster that it joins, and its number there, from 2 on. */
  readonly joins?: { readonly first: KafkaBroker; readonly id: number };
  /** File of its key and its certificates, as PEM; with it, it listens by TLS, too. */
  readonly keyFile?: string;
  /** Leaves out what makes a start quicker and the broker slower. */
  readonly forBench?: boolean;
}

/** A real Kafka, as a process of its own. */
export interface KafkaBroker {
  readonly address: string;
  readonly saslAddress: string;
  /** By TLS, where it has a key. */
  readonly tlsAddress: string;
  /** By TLS, and it asks who it is. */
  readonly saslTlsAddress: string;
  /** Where the proxy has to connect to. */
  readonly proxied: number;
  readonly pid: number;
  /** Where others find the controller that it is. */
  readonly controllerPort: number;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same data and ports; resolves when it is ready. */
  restart(): Promise<void>;
  /** SIGTERM, in order. */
  stop(): Promise<void>;
}

/** Starts a broker, on free ports unless told otherwise, and resolves when groups and topics work. */
export const startKafkaBroker = async (options: BrokerOptions = {}): Promise<KafkaBroker> => {
  const jars = await kafkaJars();
  const [free = 0, controller = 0, proxied = 0, sasl = 0, tls = 0, saslTls = 0] = await freePorts(6);
  const [plain, proxy] = [options.port ?? free, options.proxyPort ?? proxied];
  const ports: Ports = { plain, controller, proxied, proxy, sasl, tls, saslTls };
  const folder = options.folder ?? mkdtempSync(path.join(tmpdir(), 'drawdown-kafka-'));
  const broker = new Process(jars, folder, ports, options);
  await broker.format();
  await broker.restart();
  return broker;
};

class Process implements KafkaBroker {
  private child: ChildProcess | undefined;
  private readonly properties: string;
  private output = '';

  constructor(
    private readonly jars: string,
    private readonly folder: string,
    private readonly ports: Ports,
    private readonly options: BrokerOptions,
  ) {
    this.properties = path.join(folder, 'server.properties');
  }

  get address(): string {
    return `127.0.0.1:${String(this.ports.plain)}`;
  }
  get saslAddress(): string {
    return `127.0.0.1:${String(this.ports.sasl)}`;
  }
  get tlsAddress(): string {
    return `127.0.0.1:${String(this.ports.tls)}`;
  }
  get saslTlsAddress(): string {
    return `127.0.0.1:${String(this.ports.saslTls)}`;
  }
  get proxied(): number {
    return this.ports.proxied;
  }
  get controllerPort(): number {
    return this.ports.controller;
  }
  get pid(): number {
    return this.child?.pid ?? 0;
  }

  async format(): Promise<void> {
    const data = path.resolve(this.folder, 'data');
    await mkdir(this.folder, { recursive: true });
    const { keyFile = null, joins: first, properties: more = {} } = this.options;
    const joins = first === undefined ? null : { controller: first.first.controllerPort, id: first.id };
    await writeFile(this.properties, brokerProperties({ data, ports: this.ports, keyFile, joins, more }));
    if (existsSync(path.join(data, 'meta.properties'))) return;
    const { username, password } = SASL_USER;
    const users = SCRAM.flatMap((name) => ['--add-scram', `${name}=[name=${username},password=${password}]`]);
    const tool = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', this.properties, ...users];
    await run('java', ['-Xmx64m', '-cp', path.join(this.jars, '*'), ...tool], FORMAT_MAX_MS);
  }

  async restart(): Promise<void> {
    const [program = '', ...args] = [...diesWithUs(), 'java', ...this.javaOptions(), 'kafka.Kafka', this.properties];
    this.output = '';
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, LOG_DIR: this.folder },
      detached: true, // a Ctrl-C at the terminal is for whoever started it, and stops it in order
    });
    this.child = child;
    const keep = (chunk: Buffer): void => void (this.output = (this.output + chunk.toString()).slice(-OUTPUT_KEPT));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    await once(child, 'spawn');
    await this.untilReady(child);
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
    if (this.options.folder === undefined) rmSync(this.folder, { recursive: true, force: true });
  }

  private javaOptions(): string[] {
    const quick = this.options.forBench === true ? [] : ['-XX:TieredStopAtLevel=1'];
    const log = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
    return ['-Xmx512m', '-XX:+UseSerialGC', ...quick, log, '-cp', path.join(this.jars, '*')];
  }

  private async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MAX_MS);
    await gone;
    clearTimeout(late);
  }

  /** Its coordinators load lazily: until one answers, the first group to form would wait for that. */
  private async untilReady(child: ChildProcess): Promise<void> {
    const end = performance.now() + READY_MAX_MS;
    const retry = { initialRetryTime: 30, maxRetryTime: 60, retries: 1 };
    const kafka = new Kafka({
      clientId: 'ready',
      brokers: [this.address],
      connectionTimeout: 500,
      retry,
      logLevel: logLevel.NOTHING,
    });
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null)
        throw new Error(`Kafka ended at its start:\n${this.output}`);
      const admin = kafka.admin();
      try {
        await admin.connect();
        await admin.fetchOffsets({ groupId: 'warm-up' });
        return;
      } catch (error) {
        if (performance.now() > end) throw new Error(`Kafka did not become ready:\n${this.output}`, { cause: error });
        await pause(50);
      } finally {
        await admin.disconnect();
      }
    }
  }
}
