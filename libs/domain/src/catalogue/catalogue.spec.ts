import { instant } from '../testing';
import { createApiKey, evolveApiKey, revokeApiKey, showApiKey } from './api-key';
import { advanceTestClock, createTestClock, evolveTestClock } from './test-clock';

describe('an API key', () => {
  const made = { id: 'key_1', name: 'ci', scopes: ['read'], organizationId: null, secretHash: 'ab12' } as const;
  const data = { ...made, shown: true };

  test('that was generated for somebody is shown once, unless it was revoked before', () => {
    const key = evolveApiKey(undefined, { type: 'ApiKeyCreated', data: { ...made, shown: false } });
    expect(showApiKey(key)).toEqual({ accepted: true, events: [{ type: 'ApiKeyShown', data: { id: 'key_1' } }] });
    const shown = evolveApiKey(key, { type: 'ApiKeyShown', data: { id: 'key_1' } });
    expect(showApiKey(shown)).toEqual({ accepted: true, events: [] });
    const revoked = evolveApiKey(key, { type: 'ApiKeyRevoked', data: { id: 'key_1' } });
    expect(showApiKey(revoked)).toMatchObject({ refusal: { code: 'not_found' } });
  });

  test('is made once, is revoked once, and stays revoked', () => {
    const created = createApiKey(undefined, data);
    expect(created).toEqual({ accepted: true, events: [{ type: 'ApiKeyCreated', data }] });
    const key = evolveApiKey(undefined, { type: 'ApiKeyCreated', data });
    expect(createApiKey(key, data)).toMatchObject({ refusal: { code: 'already_exists' } });
    expect(revokeApiKey(key)).toEqual({ accepted: true, events: [{ type: 'ApiKeyRevoked', data: { id: 'key_1' } }] });
    const revoked = evolveApiKey(key, { type: 'ApiKeyRevoked', data: { id: 'key_1' } });
    expect(revoked).toEqual({ ...data, revoked: true });
    expect(revokeApiKey(revoked)).toEqual({ accepted: true, events: [] });
    expect(revokeApiKey(undefined)).toMatchObject({ refusal: { code: 'not_found' } });
    expect(() => evolveApiKey(undefined, { type: 'ApiKeyRevoked', data: { id: 'key_1' } })).toThrow('never made');
  });
});

describe('a test clock', () => {
  const now = instant('2026-03-01');
  const to = instant('2026-04-01');
  const clock = { id: 'clk_1', now };

  test('moves forward only, and not at all where it is told its own time', () => {
    expect(createTestClock(undefined, clock)).toEqual({
      accepted: true,
      events: [{ type: 'TestClockCreated', data: clock }],
    });
    expect(createTestClock(clock, clock)).toMatchObject({ refusal: { code: 'already_exists' } });
    expect(advanceTestClock(clock, to)).toEqual({
      accepted: true,
      events: [{ type: 'TestClockAdvanced', data: { id: 'clk_1', from: now, to } }],
    });
    expect(advanceTestClock(clock, now)).toEqual({ accepted: true, events: [] });
    const back = advanceTestClock(clock, instant('2026-02-28T23:59:59.999999Z'));
    expect(back).toMatchObject({ refusal: { code: 'time_goes_back', pointer: '/to' } });
    expect(advanceTestClock(undefined, to)).toMatchObject({ refusal: { code: 'not_found' } });
    expect(evolveTestClock(undefined, { type: 'TestClockCreated', data: clock })).toEqual(clock);
    expect(evolveTestClock(clock, { type: 'TestClockAdvanced', data: { id: 'clk_1', from: now, to } })).toEqual({
      id: 'clk_1',
      now: to,
    });
  });
});
