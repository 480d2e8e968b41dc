import { NODE_FLAGS, PROCESSES } from '../testing/product';
import { runIfInstalled } from '../testing/program';
import { documentsIn } from '../testing/yaml';

interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { secretKeyRef: object };
  }[];
  readonly securityContext: object;
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly livenessProbe: object;
  readonly readinessProbe: object;
  readonly startupProbe: object;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}
interface Pod {
  readonly enableServiceLinks: boolean;
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: object;
  readonly containers: readonly Container[];
  readonly volumes: readonly { readonly name: string; readonly secret?: object }[];
}
interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly replicas?: number;
    readonly minReadySeconds?: number;
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly template?: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: Pod;
    };
    readonly maxReplicaCount?: number;
  };
}

const chart = 'deploy/helm/drawdown';

/** What Helm makes of the chart; null where there is no Helm, whose absence is said. values.spec.ts checks what it can. */
const rendered = (values: string, ...more: string[]): readonly Manifest[] | null => {
  const args = [
    'template',
    'drawdown',
    chart,
    '--kube-version',
    '1.31.0',
    '--values',
    `${chart}/ci/${values}`,
    ...more,
  ];
  const text = runIfInstalled('helm', args, 'the chart was checked against its schema, but not rendered');
  return text === null
    ? null
    : documentsIn(text)
        .filter((document) => document !== null)
        .map((each) => each as Manifest);
};

const componentOf = ({ metadata }: Manifest): string => metadata.labels?.['app.kubernetes.io/component'] ?? '?';
const workloadsOf = (manifests: readonly Manifest[]): readonly Manifest[] =>
  manifests.filter(({ kind }) => kind === 'Deployment');
const podOf = (workload: Manifest): Pod => {
  const pod = workload.spec.template?.spec;
  if (pod === undefined) throw new Error(`${workload.metadata.name} has no pod`);
  return pod;
};

describe.each(['example-values.yaml', 'full-values.yaml'])('rendered with %s', (values) => {
  const manifests = rendered(values) ?? [];
  const workloads = workloadsOf(manifests);
  const isRendered = manifests.length > 0;

  test('every process runs, and one of each may be away at a time', () => {
    if (!isRendered) return;
    expect(workloads.map(componentOf).sort()).toEqual([...PROCESSES].sort());
    const budgets = manifests.filter(({ kind }) => kind === 'PodDisruptionBudget');
    expect(budgets.map(componentOf).sort()).toEqual([...PROCESSES].sort());
    for (const each of [...workloads, ...budgets]) {
      expect(each.spec.selector?.matchLabels).toMatchObject({ 'app.kubernetes.io/component': componentOf(each) });
    }
  });

  test('the next pod is replaced when one has stayed ready: what an older one cannot read it finds out a little later', () => {
    const seconds = workloads.map((each) => [componentOf(each), each.spec.minReadySeconds ?? 0]);
    expect(seconds).toEqual(workloads.map((each) => [componentOf(each), componentOf(each) === 'api' ? 0 : 20]));
  });

  test('a container is nobody special, cannot write to its file system and is probed', () => {
    for (const workload of workloads) {
      const pod = podOf(workload);
      expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
      expect([pod.automountServiceAccountToken, pod.enableServiceLinks]).toEqual([false, false]);
      expect(pod.containers).toHaveLength(1);
      for (const container of pod.containers) {
        expect(container).toMatchObject({
          command: ['node', ...NODE_FLAGS, `dist/apps/${componentOf(workload)}/src/main.js`],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          startupProbe: { httpGet: { path: '/livez', port: 'http' } },
          livenessProbe: { httpGet: { path: '/livez', port: 'http' } },
          readinessProbe: { httpGet: { path: '/readyz', port: 'http' } },
          resources: { limits: { memory: '512Mi' } },
        });
        expect(container.image).toMatch(/^registry\.example\.com\/drawdown(:\d|@sha256:)/);
      }
    }
  });

  test('what is mounted exists', () => {
    for (const workload of workloads) {
      const pod = podOf(workload);
      const volumes = pod.volumes.map(({ name }) => name).sort();
      expect(pod.containers.flatMap(({ volumeMounts }) => volumeMounts.map(({ name }) => name)).sort()).toEqual(
        volumes,
      );
    }
  });

  test('secrets are referred to, and given only to who needs them', () => {
    for (const workload of workloads) {
      for (const { env } of podOf(workload).containers) {
        // That one is a file.
        const named = env.filter(({ name }) => name !== 'KAFKA_TLS_KEY');
        const secret = named.filter(({ name }) => /_URL$|USERNAME|PASSWORD|_KEY$/.test(name));
        expect(secret.every(({ valueFrom, value }) => valueFrom !== undefined && value === undefined)).toBe(true);
        const has = (setting: string): boolean => env.some(({ name }) => name === setting);
        // The relay is the only one that neither reads from it nor settles by a clock that is compared with its.
        expect(has('DATABASE_URL')).toBe(componentOf(workload) !== 'relay');
        expect(has('DRAWDOWN_DATABASE_CONNECTIONS')).toBe(!['relay', 'worker'].includes(componentOf(workload)));
        if (componentOf(workload) !== 'api') expect(has('DRAWDOWN_ADMIN_KEY')).toBe(false);
      }
    }
  });
});

test('certificates of authorities are where addresses name them, at whoever has the address', () => {
  for (const workload of workloadsOf(rendered('full-values.yaml') ?? [])) {
    const { containers, volumes } = podOf(workload);
    const mounts = containers.flatMap(({ volumeMounts }) => volumeMounts);
    const authorities = mounts.filter(({ name }) => name.endsWith('-ca'));
    const ofDatabase = componentOf(workload) === 'relay' ? [] : ['database-ca'];
    expect(authorities).toEqual(
      ['kafka-ca', 'eventstore-ca', ...ofDatabase].map((name) => ({ name, mountPath: `/etc/${name}`, readOnly: true })),
    );
    for (const { name } of authorities.filter(({ name }) => name !== 'kafka-ca')) {
      const items = [{ key: 'authority.pem', path: 'ca.crt' }];
      expect(volumes).toContainEqual({ name, secret: { secretName: name, items } });
    }
  }
  for (const workload of workloadsOf(rendered('example-values.yaml') ?? [])) {
    expect(podOf(workload).volumes.map(({ name }) => name)).toEqual(['data', 'tmp']);
  }
});

test('the certificate that we show to the brokers is where the settings say, at every process and at the autoscaler', () => {
  const manifests = rendered('full-values.yaml') ?? [];
  for (const workload of workloadsOf(manifests)) {
    const { containers, volumes } = podOf(workload);
    const [container] = containers;
    const value = (setting: string) => container?.env.find(({ name }) => name === setting)?.value;
    expect([value('KAFKA_TLS_CERT'), value('KAFKA_TLS_KEY')]).toEqual(
      ['tls.crt', 'tls.key'].map((file) => `/etc/kafka-client/${file}`),
    );
    const [name, mountPath] = ['kafka-client', '/etc/kafka-client'];
    expect(container?.volumeMounts).toContainEqual({ name, mountPath, readOnly: true });
    expect(volumes).toContainEqual({ name, secret: { secretName: name } });
  }
  const scaler = manifests.find(({ kind }) => kind === 'TriggerAuthentication');
  if (manifests.length === 0) return;
  expect(scaler?.spec).toMatchObject({
    secretTargetRef: expect.arrayContaining([
      { parameter: 'cert', name: 'kafka-client', key: 'tls.crt' },
      { parameter: 'key', name: 'kafka-client', key: 'tls.key' },
    ]) as unknown,
  });
});

test('brokers that ask for a token: every process is told where to get one, and so is the autoscaler', () => {
  const set = ['mechanism=oauthbearer', 'tokenUrl=https://login/token', 'scope=kafka'].join(',kafka.sasl.');
  const manifests = rendered('full-values.yaml', '--set', `kafka.sasl.${set}`);
  if (manifests === null) return;
  for (const workload of workloadsOf(manifests)) {
    const told = podOf(workload).containers[0]?.env.filter(({ name }) => /_TOKEN_URL$|_SCOPE$/.test(name));
    expect(told).toEqual([
      { name: 'KAFKA_SASL_TOKEN_URL', value: 'https://login/token' },
      { name: 'KAFKA_SASL_SCOPE', value: 'kafka' },
    ]);
  }
  expect(manifests.find(({ kind }) => kind === 'TriggerAuthentication')?.spec).toMatchObject({
    env: [
      { parameter: 'oauthTokenEndpointUri', name: 'KAFKA_SASL_TOKEN_URL', containerName: 'worker' },
      { parameter: 'scopes', name: 'KAFKA_SASL_SCOPE', containerName: 'worker' },
    ],
  });
});

test('the number of workers is left to the autoscaler, up to the number of shards', () => {
  const manifests = rendered('full-values.yaml');
  if (manifests === null) return;
  const worker = workloadsOf(manifests).find((each) => componentOf(each) === 'worker');
  expect(worker?.spec.replicas).toBeUndefined();
  expect(manifests.find(({ kind }) => kind === 'ScaledObject')?.spec.maxReplicaCount).toBe(16);
});

test('an upgrade may leave a process at its release while the others go on', () => {
  const manifests = rendered('full-values.yaml');
  if (manifests === null) return;
  const images = new Map(workloadsOf(manifests).map((each) => [componentOf(each), podOf(each).containers[0]?.image]));
  expect(images.get('api')).toBe('registry.example.com/drawdown:0.0.9');
  expect(images.get('worker')).toMatch(/@sha256:/);
});

test('more workers than shards are refused', () => {
  if (rendered('example-values.yaml') === null) return;
  expect(() => rendered('example-values.yaml', '--set', 'processes.worker.replicas=9')).toThrow('only 8 shards to own');
});
