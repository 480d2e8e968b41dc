import type { WalletPolicy } from '../events';
import fc from 'fast-check';
import {
  amount,
  authorizeHold,
  captureHold,
  event,
  extendHold,
  given,
  granted,
  instant,
  shown,
  slices,
  START,
  used,
  partly,
  under,
} from '../testing';
import { walletNamed } from './state';

describe('capturing a hold', () => {
  test('spends its lots as a transaction of kind consumption, and gives the rest free', () => {
    given(granted('promo', '3', { priority: 1 }), granted('bought', '10'), authorizeHold('h', '6'))
      .when(captureHold('h', '4', { usage: { userId: 'u1', taskId: 't1' } }))
      .then(
        event('HoldCaptured', {
          holdId: 'h',
          asked: 4_000_000_000n,
          excess: 0n,
          overCapture: null,
          uncovered: 0n,
          final: true,
          usage: partly({ userId: 'u1', taskId: 't1', serviceType: null }),
          booking: partly({
            kind: 'consumption',
            debited: 4_000_000_000n,
            slices: slices(['promo', '3'], ['bought', '1']),
            eventTime: START,
          }),
        }),
      )
      .answered({ state: 'captured', captured: '4', credits_debited: '4' })
      .lot('promo', { remaining: '0', consumed: '3' })
      .lot('bought', { remaining: '9', held: '0', consumed: '1' })
      .balance({ settled: '9', held: '0', available: '9' });
  });

  test('in parts leaves it open until the final one', () => {
    given(granted('lot', '10'), authorizeHold('h', '6'))
      .given(captureHold('h', '1', { final: false }), captureHold('h', '2', { final: false }))
      .hold('h', { state: 'open', captured: '3' })
      .balance({ settled: '7', held: '3' })
      .given(captureHold('h', '2'))
      .hold('h', { state: 'captured', captured: '5' })
      .balance({ settled: '5', held: '0', available: '5' });
  });

  test('takes the hold’s service type where it names none', () => {
    given(granted('lot', '10'), authorizeHold('h', '2', { serviceType: 'llm_call' }))
      .when(captureHold('h', '1', { final: false }))
      .then(event('HoldCaptured', { usage: partly({ serviceType: 'llm_call' }) }));
  });

  test('of a hold that holds one lot twice takes each part once', () => {
    given(granted('a', '4', { priority: 2 }), authorizeHold('h', '2'))
      .given(granted('b', '3', { priority: 1 }), extendHold('h', instant('2026-03-10'), '5'))
      .lot('a', { held: '4' })
      .given(captureHold('h', '6', { final: false }))
      .lot('a', { remaining: '1', held: '1' })
      .lot('b', { remaining: '0' })
      .given(captureHold('h', '1'))
      .balance({ settled: '0', held: '0' });
  });

  test.each(['0', '-1'])('of %s credits is refused', (credits) => {
    given(granted('lot', '10'), authorizeHold('h', '2'))
      .when(captureHold('h', credits))
      .thenRefused('amount_out_of_range');
  });

  test('of what it may overdraw becomes debt', () => {
    under({ overdraftLimit: amount('5') })
      .given(granted('lot', '2'), authorizeHold('h', '6'))
      .given(captureHold('h', '3', { final: false }))
      .hold('h', { overdraft: '3', captured: '3' })
      .balance({ settled: '-1', held: '3', debt: '1' })
      .given(captureHold('h', '1'))
      .balance({ settled: '-2', held: '0', available: '-2', debt: '2' });
  });
});

describe('capturing more than a hold, INV-HLD-4, FLD-22', () => {
  const held = (changes: Partial<WalletPolicy>) =>
    under(changes).given(granted('lot', '2'), granted('other', '1', { priority: 99 }), authorizeHold('h', '1'));

  test('draws the excess from other lots and then makes debt, under draw_extra and debt', () => {
    held({ overCapture: 'draw_extra', onShortfall: 'debt' })
      .when(captureHold('h', '5'))
      .then(
        event('HoldCaptured', {
          asked: amount('5'),
          excess: amount('4'),
          overCapture: 'draw_extra',
          uncovered: 0n,
          booking: partly({ debited: amount('5'), debt: amount('2') }),
        }),
      )
      .balance({ settled: '-2', held: '0', debt: '2' });
  });

  test('writes off what no lot covers, under draw_extra and write_off', () => {
    held({ overCapture: 'draw_extra', onShortfall: 'write_off' })
      .when(captureHold('h', '5'))
      .then(event('HoldCaptured', { uncovered: amount('2'), booking: partly({ debited: amount('3') }) }))
      .balance({ settled: '0', held: '0', debt: '0' });
  });

  test('is refused under draw_extra and refuse where the lots do not cover it, and goes through where they do', () => {
    held({ overCapture: 'draw_extra', onShortfall: 'refuse' })
      .when(captureHold('h', '3.000000001'))
      .thenRefusedOnRecord(
        'exceeds_hold',
        event('CaptureRefused', {
          asked: amount('3.000000001'),
          held: amount('1'),
          excess: amount('2.000000001'),
          available: amount('2'),
          overCapture: 'draw_extra',
          onShortfall: 'refuse',
        }),
      )
      .balance({ settled: '3', held: '1' })
      .given(captureHold('h', '3'))
      .balance({ settled: '0', held: '0' });
  });

  test('stops at the hold under cap, and records what was asked', () => {
    held({ overCapture: 'cap' })
      .when(captureHold('h', '5'))
      .then(
        event('HoldCaptured', {
          asked: amount('5'),
          excess: amount('4'),
          overCapture: 'cap',
          booking: partly({ debited: amount('1') }),
        }),
      )
      .balance({ settled: '2', held: '0', debt: '0' });
  });

  test('is refused under refuse, which changes nothing, and the hold can be captured as far as it goes', () => {
    held({ overCapture: 'refuse' })
      .when(captureHold('h', '1.000000001'))
      .thenRefused('exceeds_hold', { pointer: '/amount', more: { held: '1' } })
      .balance({ settled: '3', held: '1' })
      .hold('h', { state: 'open' })
      .given(captureHold('h', '1'))
      .balance({ settled: '2' });
  });

  test('INV-AUD-6: refused, it is on record with what was used, for whom, and the rules that refused it', () => {
    held({ overCapture: 'refuse', onShortfall: 'write_off' })
      .when(captureHold('h', '3', { usage: { serviceType: 'llm_call', userId: 'ada', model: 'm', taskId: 'task-7' } }))
      .thenRefusedOnRecord(
        'exceeds_hold',
        event('CaptureRefused', {
          code: 'exceeds_hold',
          asked: amount('3'),
          held: amount('1'),
          excess: amount('2'),
          available: amount('2'),
          overCapture: 'refuse',
          onShortfall: 'write_off',
          usage: partly({ serviceType: 'llm_call', userId: 'ada', model: 'm', taskId: 'task-7' }),
          policyVersion: 1,
        }),
      );
  });

  test('leaves alone what other holds hold', () => {
    given(granted('lot', '10'), authorizeHold('other', '8'), authorizeHold('h', '1'), captureHold('h', '5'))
      .lot('lot', { remaining: '8', held: '8' })
      .balance({ settled: '5', held: '8', debt: '3' });
  });

  test('of a hold already captured in parts counts from what is still held', () => {
    given(granted('lot', '10'), authorizeHold('h', '3'), captureHold('h', '2', { final: false }))
      .when(captureHold('h', '4'))
      .then(event('HoldCaptured', { excess: amount('3') }))
      .lot('lot', { remaining: '4', consumed: '6' });
  });

  test('INV-AMT-3: beyond the range of amounts is refused, and changes nothing', () => {
    given(granted('lot', '1'), authorizeHold('h', '1'), used('5'))
      .when(captureHold('h', '900000000000000000'))
      .thenRefused('amount_out_of_range')
      .balance({ settled: '-4', held: '1' });
  });
});

test('INV-HLD-3, INV-AMT-6: authorized and extended = captured within it + given free + still open, whatever the parts', () => {
  const part = fc.record({ kind: fc.constantFrom('capture', 'extend'), size: fc.integer({ min: 1, max: 4 }) });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.boolean(), (parts, final) => {
      const scenario = under({ overCapture: 'refuse', overdraftLimit: amount('3') });
      scenario.given(granted('a', '7', { priority: 1 }), granted('b', '9'), authorizeHold('h', '6'));
      for (const { kind, size } of parts) {
        const step =
          kind === 'capture'
            ? captureHold('h', String(size), { final: false })
            : extendHold('h', instant('2026-03-20'), String(size));
        step(scenario.ledger);
      }
      if (final) captureHold('h', '0.5')(scenario.ledger);
      const { organization } = scenario.ledger;
      const hold = [...organization.holds.values()][0];
      const credits = walletNamed(organization, 'credits');
      if (hold === undefined || credits === undefined) throw new Error('no hold');
      const open = hold.slices.reduce((total, slice) => total + slice.amount, 0n) + hold.overdraft;
      expect(open).toBe(credits.held);
      const isOpen = hold.state === 'open';
      expect(isOpen ? shown(hold.total) : '0').toBe(isOpen ? shown(hold.captured + open) : shown(open));
      expect(credits.settled).toBe(amount('16') - hold.captured);
    }),
    { numRuns: 80 },
  );
});

test('what was held on the overdraft is drawn from lots that came since; only what they do not cover is debt', () => {
  under({ overdraftLimit: amount('10') })
    .given(
      authorizeHold('h', '5'),
      granted('lot', '3', { expiresAt: instant('2026-03-05') }),
      captureHold('h', '5', { final: true }),
    )
    .lot('lot', { consumed: '3' })
    .balance({ settled: '-2', debt: '2' });
});

test.each(['write_off', 'refuse', 'debt'] as const)(
  'what the hold may overdraw covers what lots do not, before %s has its say',
  (onShortfall) => {
    under({ overdraftLimit: amount('10'), overCapture: 'draw_extra', onShortfall })
      .given(authorizeHold('h', '5'), granted('lot', '3'), captureHold('h', '6', { final: true }))
      .lot('lot', { consumed: '3' })
      .balance({ settled: '-3', debt: '3' });
  },
);
