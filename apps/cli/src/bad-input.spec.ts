import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileWith } from './testing/command-line';
import { ImportScene, reportOf } from './testing/import-scene';

/** A bad usage event as the changes to a good one; `$missing` takes a field away. */
interface Vector {
  readonly id: string;
  readonly edits?: readonly (readonly [pointer: string, value: unknown])[];
  readonly expect: {
    readonly rejected?: string;
    readonly pointer?: string;
    readonly outcome?: string;
    readonly code?: string;
  };
}

const VECTORS = path.resolve(__dirname, '../../../libs/http/src/bad-input/usage.json');
/** What only the server knows. */
const ITS_BUSINESS = ['organization_not_found', 'organization_closed'];

const all = JSON.parse(readFileSync(VECTORS, 'utf8')) as Vector[];
const kept = all.filter(({ expect: { outcome } }) => outcome === 'quarantined');
const vectors = all.filter(
  ({ edits, expect: { rejected } }) =>
    edits !== undefined && rejected !== undefined && !ITS_BUSINESS.includes(rejected),
);

const eventOf = ({ edits = [] }: Vector, place: number): Record<string, unknown> => {
  const event: Record<string, unknown> = {
    specversion: '1.0',
    id: `vector-${String(place)}`,
    source: 'bad-input',
    type: 'drawdown.usage.v1',
    time: '2026-05-01T00:00:00Z',
    subject: 'world',
    data: { workspace_id: 'w1', user_id: 'u1', service_type: 'compute', quantity: '1', unit: 'hours' },
  };
  for (const [pointer, value] of edits) {
    const keys = pointer.split('/').slice(1);
    const last = keys.pop() ?? '';
    const at = keys.reduce((object, key) => object[key] as Record<string, unknown>, event);
    if (value === '$missing') delete at[last];
    else Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true });
  }
  return event;
};

const scene = new ImportScene();

test('INV-INT-12: a line of an import gets the code that the same event gets over HTTP', async () => {
  expect(vectors.length).toBeGreaterThan(40);
  const file = fileWith(
    'bad.ndjson',
    vectors.map((vector, place) => JSON.stringify(eventOf(vector, place))).join('\n'),
  );
  expect((await scene.importing(file)).json()).toMatchObject({ rejected: vectors.length, accepted: 0 });
  const reported = reportOf(file).map(({ code, pointer }, place) => [vectors[place]?.id, code, pointer]);
  const due = vectors.map(({ id, expect: { rejected, pointer } }, place) => [
    id,
    rejected,
    pointer ?? reported[place]?.[2],
  ]);
  expect(reported).toEqual(due);
  expect(scene.server.requests).toBe(0);
});

test('what the server keeps in quarantine is sent to it, and no line of the import is rejected', async () => {
  expect(kept.length).toBeGreaterThan(10);
  const codes = new Map(kept.map(({ expect: { code } }, place) => [`vector-${String(place)}`, code]));
  scene.server.judge = ({ id }) => ({ outcome: 'quarantined', code: codes.get(id), detail: 'it waits' });
  const events = kept.map(eventOf);
  const file = fileWith('kept.ndjson', events.map((event) => JSON.stringify(event)).join('\n'));
  const summary = (await scene.importing(file)).json();
  expect(summary).toMatchObject({ accepted: kept.length, quarantined: kept.length, rejected: 0 });
  expect(scene.server.parsed()).toEqual(events);
});
