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

test.each([
  ['balance', 'balance'],
  ['balances,', ''],
  ['balances;breakdown', 'balances;breakdown'],
])('%p is refused; the answer says what is wrong and what there is', (text, wrong) => {
  const read = (): unknown => readModelsIn({ DRAWDOWN_READ_MODELS: text });
  expect(read).toThrow(BadReadModels);
  expect(read).toThrow(`names "${wrong}"; it may name ${ALL.join(', ')}`);
});
