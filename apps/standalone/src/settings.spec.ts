import { BadSettings, readSettings } from './settings';

const ISSUER = { DRAWDOWN_OIDC_ISSUER: 'https://issuer.example/realm' };
const AUDIENCE = { DRAWDOWN_OIDC_AUDIENCE: 'drawdown' };

test('people come with tokens where issuer and audience are set, and not where neither is', () => {
  expect(readSettings({}).oidc).toBeNull();
  expect(readSettings({ DRAWDOWN_OIDC_ISSUER: '', DRAWDOWN_OIDC_AUDIENCE: '' }).oidc).toBeNull();
  expect(readSettings({ ...ISSUER, ...AUDIENCE }).oidc).toEqual({
    issuer: 'https://issuer.example/realm',
    audience: 'drawdown',
  });
});

test.each([
  ['half of it: no audience', ISSUER, 'DRAWDOWN_OIDC_ISSUER'],
  ['half of it: no issuer', AUDIENCE, 'DRAWDOWN_OIDC_AUDIENCE'],
  ['an issuer without TLS', { ...AUDIENCE, DRAWDOWN_OIDC_ISSUER: 'http://issuer.example' }, 'DRAWDOWN_OIDC_ISSUER'],
  ['an issuer that is no address', { ...AUDIENCE, DRAWDOWN_OIDC_ISSUER: 'issuer' }, 'DRAWDOWN_OIDC_ISSUER'],
  ['a typo', { DRAWDOWN_OIDC_ISUER: 'x' }, 'DRAWDOWN_OIDC_ISUER'],
])('BAD-120: %s refuses the start and names the variable', (_, environment, name) => {
  expect(() => readSettings(environment)).toThrow(BadSettings);
  expect(() => readSettings(environment)).toThrow(name);
});

test('an issuer on this machine needs no TLS', () => {
  expect(readSettings({ ...AUDIENCE, DRAWDOWN_OIDC_ISSUER: 'http://127.0.0.1:8080/x' }).oidc?.issuer).toMatch(/^http:/);
});
