export { allowance } from '@drawdown/adapters/testing/allowance';
