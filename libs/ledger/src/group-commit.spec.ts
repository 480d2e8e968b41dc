import { faultyEventStore, inMemoryEventStore } from '@drawdown/ports/testing';
import { formatPosition } from '@drawdown/kernel';
import { grant, hold, openLedger, recordingStore, used, withOrganization } from './testing';

const heldLedger = async () => {
  const faults = faultyEventStore(inMemoryEventStore());
  const sent = recordingStore(faults);
  const world = await openLedger({ store: sent });
  await withOrganization(world, { credits: '10' });
  sent.appends.length = 0;
  const held = faults.holdNext();
  return { ...world, sent, held };
};

test('while one append is held, 500 commands queue and become one append', async () => {
  const { run, held, sent } = await heldLedger();
  const first = run(grant('1'));
  await held.reached;
  const rest = Array.from({ length: 500 }, () => run(grant('1')));
  expect(sent.appends).toHaveLength(1);
  held.release();
  const results = await Promise.all([first, ...rest]);
  expect(results.every(({ accepted }) => accepted)).toBe(true);
  expect(sent.appends).toHaveLength(2);
});

test('everything that comes in one tick is one append; an answer says where it stands', async () => {
  const world = await openLedger({ store: recordingStore(inMemoryEventStore()) });
  await withOrganization(world, { credits: '10' });
  const head = await world.store.head('ledger-0');
  const [first, second, charged] = await Promise.all([
    world.run(grant('1')),
    world.run(grant('1')),
    world.charge(used('1'), used('2')),
  ]);
  const positions = [first, second].map((result) => (result.accepted ? formatPosition(result.position) : ''));
  expect(positions).toEqual([`0.${String(head + 1)}`, `0.${String(head + 2)}`]);
  expect(formatPosition(charged.position)).toBe(`0.${String(head + 3)}`);
  expect(await world.store.head('ledger-0')).toBe(head + 3);
});

test('FLT-23: how long a command took is reported by its kind, those that were refused or failed included', async () => {
  const faults = faultyEventStore(inMemoryEventStore());
  const world = await openLedger({ store: faults });
  await withOrganization(world, { credits: '0' });
  const took = (kind: string) => world.metrics.observed(`command_duration_seconds{command=${kind}}`);
  const held = faults.holdNext();
  const granted = world.run(grant('10'));
  const begun = performance.now(); // not before the command: a pause between the two would be no part of its time
  await held.reached;
  const waiting = [world.run(hold('99')), world.run({ type: 'AssignRateCard', rateCard: 'unknown' })];
  expect(took('GrantCredits')).toEqual([]);
  const heldSeconds = (performance.now() - begun) / 1000;
  held.release();
  expect((await Promise.all([granted, ...waiting])).map(({ accepted }) => accepted)).toEqual([true, false, false]);
  faults.failNext('unavailable');
  await expect(world.run(grant('1'))).rejects.toMatchObject({ code: 'unavailable' });
  expect([took('GrantCredits').length, took('AuthorizeHold').length, took('AssignRateCard').length]).toEqual([2, 1, 2]);
  expect(took('GrantCredits')[0]).toBeGreaterThanOrEqual(heldSeconds);
  expect(Math.max(...took('GrantCredits'))).toBeLessThan(5);
});

test('INV-LED-5: nobody is answered before the append is durable', async () => {
  const { run, charge, held, time } = await heldLedger();
  const answered: string[] = [];
  const note = (what: string) => (): void => void answered.push(what);
  const all = [
    run(grant('1')).then(note('grant')),
    run(hold('1000')).then(note('refusal')),
    charge(used('1')).then(note('usage')),
  ];
  await held.reached;
  await time.pass(1_000);
  expect(answered).toEqual([]);
  held.release();
  await Promise.all(all);
  expect(answered).toHaveLength(3);
});

test('INV-LED-5: reads meanwhile wait, and never show what is not durable', async () => {
  const { run, available, held, time } = await heldLedger();
  const granted = run(grant('5'));
  await held.reached;
  const seen: string[] = [];
  const reads = Promise.all(Array.from({ length: 3 }, () => available().then((text) => seen.push(text))));
  await time.pass(1_000);
  expect(seen).toEqual([]);
  held.release();
  await Promise.all([granted, reads]);
  expect(seen).toEqual(['15', '15', '15']);
});

test('a read after a position waits for it, and says how far it saw', async () => {
  const { run, ledger, held, time, metrics } = await heldLedger();
  const after = new Map([['0', 3]]);
  const read = () => ledger.read('acme', after, (organization) => organization.lots.size);
  const early = read();
  const granted = run(grant('5'));
  await held.reached;
  const meanwhile = read();
  held.release();
  const result = await granted;
  for (const seen of [early, meanwhile])
    expect((await time.until(seen))?.asOf.position).toEqual(result.accepted ? result.position : null);
  expect(metrics.of('read_waits_total{outcome=caught_up}')).toBe(1);
  expect(result).toMatchObject({ accepted: true, position: new Map([['0', 3]]) });
});

test('a read after a position that never comes is refused after 5 s (api.md: read_model_behind)', async () => {
  const { ledger, time, metrics } = await heldLedger();
  const read = ledger.read('acme', new Map([['0', 99]]), () => 1);
  await expect(time.until(read)).rejects.toMatchObject({ code: 'read_model_behind' });
  expect(metrics.of('read_waits_total{outcome=behind}')).toBe(1);
});

test('FLT-09: a stop decides and stores what was accepted, and refuses what comes later', async () => {
  const { run, charge, ledger, held, time, again } = await heldLedger();
  const accepted = [run(grant('1')), run(grant('1')), charge(used('1'))];
  await held.reached;
  accepted.push(run(grant('1')));
  const stopped = ledger.stop();
  await expect(run(grant('1'))).rejects.toThrow('shutting down');
  held.release();
  await Promise.all([...accepted, stopped]);
  await time.pass(10_000);
  expect(await (await again()).available()).toBe('12');
});

test('reads work on after a stop: they show what is durable', async () => {
  const world = await openLedger();
  await withOrganization(world, { credits: '10' });
  await world.ledger.stop();
  expect(await world.available()).toBe('10');
});
