import { existsSync } from 'node:fs';
import path from 'node:path';
import { AWAITED, knownSettings, NODE_FLAGS, PROCESSES, root, SHARED_READ_MODELS, textOf } from './testing/product';
import { documentOf } from './testing/yaml';

interface Service {
  readonly image: string;
  readonly build?: { readonly dockerfile: string };
  readonly deploy?: { readonly replicas: number };
  readonly profiles?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly networks?: readonly string[];
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly privileged?: boolean;
  readonly healthcheck?: HealthCheck;
  readonly depends_on?: Readonly<Record<string, { readonly condition?: string }>>;
}
interface HealthCheck {
  readonly test: readonly string[];
  readonly disable?: boolean;
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const compose = documentOf('docker-compose.yml') as Compose;
const { services, networks } = compose;
const ours = Object.entries(services).filter(([, { build }]) => build !== undefined);
const servers = Object.entries(services).filter(([, { build }]) => build === undefined);
const dockerfile = textOf('deploy/Dockerfile');

/** A tag that says a version, and the digest of what is used. */
const PINNED = /^[a-z0-9./-]+:v?\d+\.\d+[a-z0-9.-]*@sha256:[0-9a-f]{64}$/;

/**
 * What may stand where, of all that Compose knows: what the file uses. A key that is new here has to be right, because
 * Compose refuses the whole file for one that it does not know.
 */
const KEYS = {
  file: ['services', 'networks', 'volumes'],
  service: [
    ...['image', 'build', 'command', 'environment', 'profiles', 'deploy', 'depends_on', 'healthcheck', 'restart'],
    ...['ports', 'networks', 'volumes', 'tmpfs', 'read_only', 'cap_drop', 'security_opt', 'stop_grace_period'],
  ],
  build: ['context', 'dockerfile'],
  deploy: ['replicas'],
  healthcheck: ['test', 'interval', 'timeout', 'retries'],
  network: ['internal'],
};

test('every key is one that Compose knows, and every name is of something that there is', () => {
  const unknown = (known: readonly string[], value: object | null | undefined): readonly string[] =>
    Object.keys(value ?? {}).filter((key) => !known.includes(key));
  // What begins so is for the file itself: anchors.
  expect(unknown(KEYS.file, compose).filter((key) => !key.startsWith('x-'))).toEqual([]);
  for (const network of Object.values(networks)) expect(unknown(KEYS.network, network)).toEqual([]);
  for (const [name, service] of Object.entries(services)) {
    const keys = [
      ...unknown(KEYS.service, service),
      ...unknown(KEYS.build, service.build),
      ...unknown(KEYS.deploy, service.deploy),
      ...unknown(KEYS.healthcheck, service.healthcheck),
    ];
    expect({ name, keys }).toEqual({ name, keys: [] });
    const volumes = (service.volumes ?? []).map((text) => text.split(':', 1)[0] ?? '');
    const missing = [
      ...(service.networks ?? []).filter((network) => !(network in networks)),
      ...Object.keys(service.depends_on ?? {}).filter((other) => !(other in services)),
      ...volumes.filter((volume) => !(volume in compose.volumes) && !existsSync(path.join(root, volume))),
    ];
    expect({ name, missing }).toEqual({ name, missing: [] });
  }
});

/** The last stage is what is run. */
const finalStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));

test('everything says whether it is well: ours by the image’s own check, the servers by one that stands here', () => {
  expect(finalStage).toMatch(/^HEALTHCHECK (--\S+ )*\\\n {2}CMD \["node", "-e", "fetch\(`[^`]*\/readyz`\)/m);
  for (const [name, { healthcheck }] of ours) expect([name, healthcheck]).toEqual([name, undefined]); // it would replace that
  for (const [name, { healthcheck }] of servers) {
    const [how, program = ''] = healthcheck?.test ?? [];
    expect({ name, how, hasProgram: program !== '' }).toEqual({ name, how: 'CMD', hasProgram: true });
  }
});

test('who needs another waits until that one is well', () => {
  for (const [name, { depends_on: needs = {} }] of Object.entries(services)) {
    for (const [other, needed] of Object.entries(needs))
      expect([name, other, needed]).toEqual([name, other, { condition: 'service_healthy' }]);
    if (PROCESSES.some((process) => process === name))
      expect([name, Object.keys(needs)]).toEqual([name, ['eventstore', 'kafka', 'postgres']]);
  }
});

test('`docker compose up` starts one process with everything in it', () => {
  const plain = Object.entries(services).filter(([, { profiles }]) => profiles === undefined);
  expect(plain.map(([name]) => name)).toEqual(['drawdown']);
  expect(plain[0]?.[1]).toMatchObject({ ports: ['127.0.0.1:3000:3000'], volumes: ['data:/data'] });
  expect(plain[0]?.[1].command).toBeUndefined();
});

test('`npm run cluster` and the bench run node as it is run here', () => {
  const flags = NODE_FLAGS.map((flag) => `'${flag}'`).join(', ');
  const asTests = textOf('libs/adapters/src/cluster/testing/app-process.ts').replace(/\s+/g, ' ');
  expect(asTests).toContain(`const NODE_FLAGS = [ ${flags}, ];`);
});

test('the profile `cluster` starts every process, each by its own command', () => {
  const cluster = ours.filter(([name]) => name !== 'drawdown');
  expect(cluster.map(([name]) => name)).toEqual(PROCESSES);
  for (const [name, { profiles, command }] of cluster) {
    expect(profiles).toEqual(['cluster']);
    expect(command).toEqual(['node', ...NODE_FLAGS, `dist/apps/${name}/src/main.js`]);
    const source = path.join(root, 'apps', name, 'src/main.ts');
    expect({ name, exists: existsSync(source) }).toEqual({ name, exists: !AWAITED.apps.includes(name) });
  }
});

test('read models that share a process are carried by it alone: it does not run beside the others', () => {
  const { deploy, environment } = services['projectors'] ?? {};
  expect(deploy).toEqual({ replicas: 0 });
  expect(environment?.['DRAWDOWN_READ_MODELS']).toBe(`\${DRAWDOWN_READ_MODELS:-${SHARED_READ_MODELS.join(',')}}`);
  expect(textOf('libs/adapters/src/cluster/testing/cluster.ts')).toContain(`'${SHARED_READ_MODELS.join(',')}'`);
});

test('our processes run as nobody special, on a file system that they cannot write to', () => {
  for (const [, service] of ours) {
    expect(service).toMatchObject({
      image: 'drawdown:local',
      build: { context: '.', dockerfile: 'deploy/Dockerfile' },
      read_only: true,
      tmpfs: ['/tmp'],
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service.privileged).toBeUndefined();
  }
});

test('every image is pinned by its digest', () => {
  const bases = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image ?? '');
  expect(new Set(bases).size).toBe(1);
  for (const image of [...bases, ...servers.map(([, service]) => service.image)]) expect(image).toMatch(PINNED);
});

test('the image runs node itself, as a user that is not root, with the flags of `npm start` and of the bench', () => {
  const manifest = JSON.parse(textOf('package.json')) as { readonly scripts: { readonly start: string } };
  const flags = /node (--\S+ )+scripts/.exec(manifest.scripts.start)?.[0].split(' ').slice(1, -1) ?? [];
  expect(flags).toEqual(['--max-semi-space-size=32', '--no-allocation-site-pretenuring']);
  const command = ['node', ...flags, '--enable-source-maps', 'dist/apps/standalone/src/main.js'];
  expect(finalStage).toContain(`\nCMD [${command.map((word) => `"${word}"`).join(', ')}]\n`);
  const listed = flags.map((flag) => `'${flag}'`).join(', ');
  expect(textOf('apps/bench/src/server.ts')).toContain(`const NODE_FLAGS = [${listed}];`);
  expect(finalStage).toMatch(/^USER node$/m);
  expect(finalStage).not.toMatch(/^ENTRYPOINT/m);
  expect(finalStage).toMatch(/^VOLUME \/data$/m);
  expect(dockerfile).not.toMatch(/^ADD /m);
});

test('ports are open to this machine alone, and the servers have none', () => {
  for (const port of Object.values(services).flatMap(({ ports = [] }) => ports)) expect(port).toMatch(/^127\.0\.0\.1:/);
  for (const name of ['eventstore', 'kafka', 'postgres']) {
    expect(services[name]?.ports).toBeUndefined();
    expect(services[name]?.networks).toEqual(['servers']);
  }
  expect(networks['servers']).toEqual({ internal: true });
});

test('every setting is one that a process knows', () => {
  const known = new Set([...knownSettings(), ...AWAITED.settings]);
  const set = ours.flatMap(([, { environment = {} }]) => Object.keys(environment));
  expect([...new Set(set)].filter((name) => !known.has(name))).toEqual([]);
  const inImage = [...dockerfile.matchAll(/\b([A-Z][A-Z_]+)=/g)].map(([, name]) => name ?? '');
  expect(inImage.filter((name) => name !== 'NODE_ENV' && !known.has(name))).toEqual([]);
});

test('no secret stands in the file', () => {
  for (const [name, value] of Object.values(services).flatMap(({ environment = {} }) => Object.entries(environment))) {
    if (/PASSWORD|SECRET|KEY|TOKEN/.test(name)) expect(value).toBe(`\${${name}:-}`);
    expect(value).not.toMatch(/:\/\/[^/@\s]*:[^/@\s]+@/);
  }
});
