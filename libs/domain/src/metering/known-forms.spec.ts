import fc from 'fast-check';
import type { UsageEvent } from '../events';
import { cloudEvent, type Fields, withData } from '../testing/cloud-events';
import { KnownForms } from './known-forms';
import { isRejection, parseUsageEvent } from './usage-event';
import { UsageForm } from './usage-form';

/** What reading as JSON makes of a list; null where any of its events is rejected. */
const readAsJson = (text: string): UsageEvent[] | null => {
  let events: unknown;
  try {
    events = JSON.parse(text);
  } catch {
    return null;
  }
  if (!Array.isArray(events)) return null;
  const usages = events.map((event) => parseUsageEvent(event));
  return usages.every((usage) => !isRejection(usage)) ? (usages as UsageEvent[]) : null;
};

const bare = (data: Fields): Fields => withData({ service_type: 'compute', ...data });

/** One event of each way to write something. */
const WAYS: readonly Fields[] = [
  cloudEvent(),
  cloudEvent({ datacontenttype: 'application/json; charset=utf-8', traceparent: '00-1', dataschema: 'x y' }),
  bare({ quantity: '0.000000001', unit: 'GB-hours', enforce: true }),
  bare({ quantities: { a: '0', b_2: '900000000000000000', c: '1.50' }, model: 'größer — 模型', user_id: null }),
  bare({ quantity: '3', unit: 'h', parent_event_id: 'p1', dimensions: { region: 'eu', tier: 'so so' }, latency_ms: 0 }),
  bare({ quantity: '3', unit: 'h', parent_transaction_id: 'txn_1', parent_event_id: 'p1', enforce: false }),
  bare({ quantity: '3', unit: 'h', user_id: 'auth0|507f1f77bcf86cd799439020' }),
  bare({ quantity: '3', unit: 'h', resource: null, dimensions: null, provider_cost: null, task_id: null }),
];

test.each(WAYS.map((way, n) => [n, way] as const))(
  'an event is the same usage, read as JSON or by its form: way %i',
  (_, event) => {
    const other = { ...event, id: 'another', time: '2026-03-01T10:00:00.123456789+02:00' };
    for (const space of [0, 1, '\t']) {
      const text = JSON.stringify([event, other, event], null, space);
      const usages = new KnownForms().readList(text, 3);
      expect(usages).not.toBeNull();
      expect(usages).toEqual(readAsJson(text));
      expect(Object.keys(usages?.[0] ?? {})).toEqual(Object.keys(readAsJson(text)?.[0] ?? {}));
    }
  },
);

test('one event is read by its form as well, with white space around it and with nothing else', () => {
  const forms = new KnownForms();
  for (const way of WAYS) {
    const text = JSON.stringify(way);
    expect([forms.readOne(` ${text}\r\n`)]).toEqual(readAsJson(`[${text}]`));
    for (const more of [`${text},`, `${text} ${text}`, `[${text}]`, text.slice(0, -1), `${text}\u0000`])
      expect(forms.readOne(more)).toBeNull();
  }
});

test('lists of several forms are read, whatever the order they come in', () => {
  const forms = new KnownForms();
  for (const events of [WAYS, WAYS.toReversed(), [...WAYS, ...WAYS]]) {
    const text = ` ${JSON.stringify(events)}\n`;
    expect(forms.readList(text, 100)).toEqual(readAsJson(text));
  }
});

test.each([
  ['no list', JSON.stringify(cloudEvent())],
  ['an empty list', '[]'],
  ['more than the limit', JSON.stringify([cloudEvent(), cloudEvent(), cloudEvent(), cloudEvent()])],
  ['text after the list', `${JSON.stringify([cloudEvent()])} 1`],
  ['a comma too many', `[${JSON.stringify(cloudEvent())},]`],
  ['a list that breaks off', `[${JSON.stringify(cloudEvent())}`],
  ['a provider’s own usage object', JSON.stringify([bare({ usage: { provider: 'openai', raw: { n: 1 } } })])],
  ['an escape', JSON.stringify([cloudEvent({ type: 'a"b' })])],
  ['a key twice', '[' + JSON.stringify(cloudEvent()).replace('"id"', '"id":"first","id"') + ']'],
  ['a day that is none', JSON.stringify([cloudEvent({ time: '2026-02-30T10:00:00Z' })])],
  ['an amount that is none', JSON.stringify([bare({ quantities: { a: '01' } })])],
])('what needs a closer look is left to the parser: %s', (_, text) => {
  const forms = new KnownForms();
  forms.readList(JSON.stringify([...WAYS, bare({ quantities: { a: '1' } })]), 100);
  expect(forms.readList(text, 3)).toBeNull();
});

test.each(['a\\\\b', 'a\\tb', '\\u0061', 'a\\/b', 'a\\\\'])(
  'a text with an escape (%s) is not taken as it is written',
  (written) => {
    for (const field of ['type', 'model', 'unit', 'region', 'source', 'id', 'workspace_id', 'traceparent']) {
      const event = cloudEvent(
        { traceparent: 'x' },
        { quantities: undefined, quantity: '1', unit: 'h', dimensions: { region: 'eu' } },
      );
      const forms = new KnownForms();
      const good = JSON.stringify([event]);
      expect(forms.readList(good, 1)).toHaveLength(1);
      const text = good.replace(new RegExp(`("${field}":")[^"]*`), (_, before: string) => before + written);
      expect(text).not.toBe(good);
      expect(forms.readList(text, 1)).toBeNull();
    }
  },
);

test('a form that was found is not asked to hold what its example happened to hold', () => {
  const forms = new KnownForms();
  const texts = WAYS.map((event) =>
    JSON.stringify([{ ...event, subject: 'other', source: 's/1', specversion: '1.0' }]),
  );
  forms.readList(JSON.stringify(WAYS), 100);
  for (const text of texts) expect(forms.readList(text, 1)).toEqual(readAsJson(text));
});

test('FLD-62: each way to write an event is worked out once; all that are written so after it are read by it', () => {
  const [forms, worksOut] = [new KnownForms(), jest.spyOn(UsageForm, 'of')];
  for (let n = 0; n < 800; n++) {
    const text = JSON.stringify([{ ...WAYS[n % WAYS.length], id: `id-${String(n)}` }]);
    expect(forms.readList(text, 1)).toHaveLength(1);
  }
  expect(worksOut).toHaveBeenCalledTimes(WAYS.length);
  worksOut.mockRestore();
});

test('what is kept of many forms has an end, and those in use stay quick to find', () => {
  const forms = new KnownForms();
  for (let n = 0; n < 2_000; n++) {
    const text = JSON.stringify([bare({ quantities: { [`q${String(n)}`]: '1' } })]);
    const usages = forms.readList(text, 1);
    if (usages !== null) expect(usages).toEqual(readAsJson(text));
  }
  const kept = (forms as unknown as { readonly forms: readonly unknown[] }).forms;
  expect(kept.length).toBeLessThanOrEqual(16);
});

/** Any event near a good one: members dropped, doubled, moved, of other values and kinds. */
const value = fc.oneof(
  fc.constantFrom('acme', '1', '0', '0.5', '-1', '1e3', '2026-03-01T10:00:00Z', '', 'a"b', 'ä', '\u202e', 'x\ty'),
  fc.string({ maxLength: 12, unit: 'binary' }),
  fc.constantFrom(null, true, false, 0, 7, -0, 1.5, 1e15, 1e21),
  fc.constantFrom({}, { amount: '1', currency: 'EUR' }, { type: 'agent', id: 'b' }, { region: 'eu' }, { a: '1' }, []),
);
const mutated = fc
  .record({
    way: fc.constantFrom(...WAYS),
    outer: fc.dictionary(fc.constantFrom('id', 'source', 'type', 'time', 'subject', 'tracestate', 'other'), value, {
      maxKeys: 1,
    }),
    inner: fc.dictionary(
      fc.constantFrom(
        ...['user_id', 'model', 'quantities', 'quantity', 'unit', 'latency_ms', 'enforce', 'resource', 'dimensions'],
        ...['provider_cost', 'parent_event_id', 'task_id', '__proto__', 'unknown'],
      ),
      value,
      { maxKeys: 1 },
    ),
    reversed: fc.boolean(),
    space: fc.constantFrom(0, 0, 1, '\r\n'),
  })
  .map(({ way, outer, inner, reversed, space }) => {
    const event = { ...way, ...outer, data: { ...(way['data'] as Fields), ...inner } };
    const entries = Object.entries(event);
    return JSON.stringify(Object.fromEntries(reversed ? entries.reverse() : entries), null, space);
  });
const damaged = fc
  .tuple(mutated, fc.nat(), fc.constantFrom('', '"', '\\', ',', '}', '{', ':', ' ', '0', 'e', '\u0000', 'é', ']'))
  // As it comes off a wire: decoded from bytes, no half of a surrogate pair is left in it.
  .map(([text, at, put]) =>
    Buffer.from(text.slice(0, at % text.length) + put + text.slice((at % text.length) + 1)).toString(),
  );

test('INV-INT-2: whatever is sent, the form reads exactly what the parser reads, or nothing', () => {
  const forms = new KnownForms();
  forms.readList(JSON.stringify(WAYS), 100);
  let quick = 0;
  fc.assert(
    fc.property(fc.array(fc.oneof(mutated, damaged), { minLength: 1, maxLength: 2 }), (events) => {
      const text = `[${events.join(',')}]`;
      const usages = forms.readList(text, 10);
      for (const event of events) {
        const usage = forms.readOne(event);
        if (usage !== null) expect([usage]).toEqual(readAsJson(`[${event}]`));
      }
      if (usages === null) return;
      quick++;
      expect(usages).toEqual(readAsJson(text));
    }),
    { numRuns: 5_000 },
  );
  expect(quick).toBeGreaterThan(60);
});
