import { AppendRefused, reason, unavailable } from './failures';

const timesIn = (text: string, part: string): number => text.split(part).length - 1;

test.each([
  'unable to verify the first certificate',
  'SSL routines:wrong version number',
  'Failed to connect before the deadline',
  'Failed to discover after 10 attempts',
])('where to look is said once, also of a failure that is the reason of another: %s', (said) => {
  const cause = new Error(said);
  const advice = reason(cause).split(`${said}; `)[1] ?? '';
  expect(advice).toContain('look at ');
  const { message } = unavailable('ledger-0', unavailable('append', cause));
  expect(message).toBe(`ledger-0: append: ${String(cause)}; ${advice}`);
});

test('… and of one who is not let in', () => {
  const denied = new AppendRefused('nothing stored', 'no');
  const { message } = unavailable('the certificate of ledger-0', unavailable('append', denied));
  expect(timesIn(message, 'look at ')).toBe(1);
  expect(message).toContain('access denied; look at user and password');
});

test('advice is given beside what looks like one, but is none of ours', () => {
  expect(reason(new Error('Failed to connect; look at the manual'))).toMatch(/look at the manual; .*look at tls in/);
});
