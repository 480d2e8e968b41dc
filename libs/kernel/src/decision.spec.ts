import { accept, refuse, unreachable } from './decision';

describe('a decision', () => {
  test('carries its facts in order, or its refusal', () => {
    expect(accept('a', 'b')).toEqual({ accepted: true, events: ['a', 'b'] });
    expect(accept()).toEqual({ accepted: true, events: [] });
    expect(refuse({ code: 'out_of_credits' })).toEqual({ accepted: false, refusal: { code: 'out_of_credits' } });
  });

  test('what cannot happen says what it was, amounts included', () => {
    const unknown = { type: 'Unheard', data: { amount: 5n } } as never;
    expect(() => unreachable(unknown)).toThrow('unreachable: {"type":"Unheard","data":{"amount":"5"}}');
  });
});
