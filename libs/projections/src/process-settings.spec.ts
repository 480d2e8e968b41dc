import { BadReadModels, readModelsIn } from './process-settings';

const ALL = ['balances', 'breakdown', 'burn_rate', 'transactions', 'quarantine', 'balance_days'];

test.each([
  ['nothing', undefined, ALL],
  ['an empty text', '', ALL],
  ['two', 'balances, burn_rate', ['balances', 'burn_rate']],
  ['one of them twice', 'breakdown,balances,breakdown', ['breakdown', 'balances']],
])('%s names these read models', (_, text, expected) => {
  expect(readModelsIn({ DRAWDOWN_READ_MODELS: text })).toEqual(expected);
});

test.each(['balance', 'balances,', 'balances;breakdown'])(
  '%p is refused, and the answer says what there is',
  (text) => {
    const read = (): unknown => readModelsIn({ DRAWDOWN_READ_MODELS: text });
    expect(read).toThrow(BadReadModels);
    expect(read).toThrow(`some of ${ALL.join(', ')}`);
  },
);
