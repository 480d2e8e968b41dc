import 'reflect-metadata';
import { Catalogue, Ledger } from '@drawdown/ledger';
import { Global, Module } from '@nestjs/common';
import { CommandBus, QueryBus } from '@nestjs/cqrs';
import { Test } from '@nestjs/testing';
import * as commands from './commands';
import { AdvanceTestClock } from './commands';
import { CommandsModule, HANDLERS } from './commands.module';
import * as queries from './queries';
import { ReadOrganization } from './queries';

const HANDLED = '__commandHandler__';
const ASKED = '__queryHandler__';
const handledBy = (boundary: unknown): number =>
  HANDLERS.filter((handler) => [HANDLED, ASKED].some((key) => Reflect.getMetadata(key, handler) === boundary)).length;

const boundaries = [...Object.values(commands), queries.ReadOrganization, queries.OrganizationAsOf];

test.each(boundaries.map((boundary) => [boundary.name, boundary] as const))(
  'has exactly one handler for %s',
  (_, boundary) => expect(handledBy(boundary)).toBe(1),
);

test('has no handler for anything else', () => expect(HANDLERS).toHaveLength(boundaries.length));

const sender = { actor: { type: 'system', id: 'system', role: null }, requestId: 'r' } as const;

const open = async (ledger: object, catalogue: object) => {
  @Global()
  @Module({
    providers: [
      { provide: Ledger, useValue: ledger },
      { provide: Catalogue, useValue: catalogue },
    ],
    exports: [Ledger, Catalogue],
  })
  class Fakes {}
  const app = await Test.createTestingModule({ imports: [Fakes, CommandsModule] }).compile();
  await app.init();
  return app;
};

test('settles what is due after a test clock has moved, and not where it was refused', async () => {
  const done: string[] = [];
  const ledger = { settleClock: async (id: string) => void done.push(`settled ${id}`) };
  const testClocks = {
    advance: async (id: string) => {
      done.push(`moved ${id}`);
      return { accepted: id === 'clock' };
    },
  };
  const app = await open(ledger, { testClocks });
  const to = '2026-05-01T00:00:00.000000Z' as never;
  await app.get(CommandBus).execute(new AdvanceTestClock('clock', to, sender, null));
  await app.get(CommandBus).execute(new AdvanceTestClock('other', to, sender, null));
  expect(done).toEqual(['moved clock', 'settled clock', 'moved other']);
  await app.close();
});

test('an error of the ledger reaches whoever asked', async () => {
  const app = await open({ read: () => Promise.reject(new Error('away')) }, {});
  await expect(app.get(QueryBus).execute(new ReadOrganization('acme', null, () => 1))).rejects.toThrow('away');
  await app.close();
});
