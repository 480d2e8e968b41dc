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
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
}

const { services, networks } = documentOf('docker-compose.yml') as Compose;
const ours = Object.entries(services).filter(([, { build }]) => build !== undefined);
const servers = Object.entries(services).filter(([, { build }]) => build === undefined);
const dockerfile = textOf('deploy/Dockerfile');

/** A tag that says a version, and the digest of what is used. */
const PINNED = /^[a-z0-9./-]+:v?\d+\.\d+[a-z0-9.-]*@sha256:[0-9a-f]{64}$/;

test('`docker compose up` starts one process with everything in it', () => {
  const plain = Object.entries(services).filter(([, { profiles }]) => profiles === undefined);
  expect(plain.map(([name]) => name)).toEqual(['drawdown']);
  expect(plain[0]?.[1]).toMatchObject({ ports: ['127.0.0.1:3000:3000'], volumes: ['data:/data'] });
  expect(plain[0]?.[1].command).toBeUndefined();
});

test('`npm run cluster` and the bench run node as it is run here', () => {
  const flags = NODE_FLAGS.map((flag) => `'${flag}'`).join(', ');
  expect(textOf('libs/adapters/src/cluster/testing/app-process.ts')).toContain(`const NODE_FLAGS = [${flags}];`);
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

test('the image runs node itself, as a user that is not root, and is healthy when it is ready', () => {
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  expect(last).toMatch(/^USER node$/m);
  expect(last).toMatch(
    /^CMD \["node", "--max-semi-space-size=32", "--enable-source-maps", "dist\/apps\/standalone\/src\/main\.js"\]$/m,
  );
  expect(last).not.toMatch(/^ENTRYPOINT/m);
  expect(last).toMatch(/^VOLUME \/data$/m);
  expect(last).toContain('/readyz');
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
