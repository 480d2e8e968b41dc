import { evolve, type Organization, walletBalances, walletNamed } from '@drawdown/domain';
import { later, START } from '@drawdown/domain/testing';
import { format, type Instant } from '@drawdown/kernel';
import { ACME, grant, hold, type LedgerWorld, openLedger, withOrganization } from './testing';

jest.mock('@drawdown/domain', () => {
  const actual = jest.requireActual<typeof import('@drawdown/domain')>('@drawdown/domain');
  return { ...actual, evolve: jest.fn(actual.evolve) };
});
const { evolve: rightly } = jest.requireActual<typeof import('@drawdown/domain')>('@drawdown/domain');

const day = (n: number): Instant => later(START, { days: n });

/** Ways in which what is due cannot be booked: the organization is frozen by the first try (spec of the shard). */
const bugs: readonly (readonly [string, typeof evolve])[] = [
  [
    'throws',
    (organization, event, at) => {
      if (event.type === 'LotExpired') throw new TypeError('a bug');
      rightly(organization, event, at);
    },
  ],
  [
    'leaves books that do not add up',
    (organization, event, at) => {
      rightly(organization, event, at);
      if (event.type === 'LotExpired') for (const lot of organization.lots.values()) lot.expired = 0n as never;
    },
  ],
];

const figures = (organization: Organization, now: Instant) => {
  const wallet = walletNamed(organization, 'credits');
  if (wallet === undefined) throw new Error('no wallet');
  const { settled, held, available } = walletBalances(wallet, organization, now);
  return { balance: [settled, held, available].map(format), booked: format(wallet.settled) };
};
const asOf = async ({ ledger }: LedgerWorld, instant: Instant) =>
  (await ledger.asOf(ACME, { instant }, figures))?.value;
const live = async ({ ledger }: LedgerWorld) => (await ledger.read(ACME, null, figures))?.value;

test.each(bugs)(
  'INV-AUD-5, INV-TIM-3: where booking what was due %s, an instant is the fold up to it less what had ended, before the freeze and after',
  async (_, bug) => {
    jest.mocked(evolve).mockImplementation(rightly);
    const world = await openLedger();
    await withOrganization(world, { credits: '10' });
    await world.run(grant('5', { expiresAt: day(2), priority: 1 }));
    await world.run(hold('3', day(3)));
    jest.mocked(evolve).mockImplementation(bug);
    const shown: unknown[] = [];
    for (const n of [1, 2, 4, 5]) {
      world.clock.moveTo(day(n));
      shown.push(await live(world));
      if (n === 4) await world.ledger.settleClock('');
    }
    const ended = { balance: ['13', '3', '10'], booked: '15' };
    expect(shown).toEqual([{ balance: ['15', '3', '12'], booked: '15' }, ended, ended, ended]);
    await expect(world.run(grant('1'))).rejects.toThrow('frozen');
    expect(await Promise.all([1, 2, 4, 5].map((n) => asOf(world, day(n))))).toEqual(shown);
  },
);
