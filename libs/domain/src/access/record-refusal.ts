import { accept } from '@drawdown/kernel';
import type { CommandRule } from '../wallet/commands';

/** Keeps what somebody was told (spec: decisions that refuse are recorded with what was known). It decides nothing anew. */
export const recordAccessRefusal: CommandRule<'RecordAccessRefusal'> = {
  decide: (_, { refusal }) => accept({ type: 'AccessRefused', data: refusal }),
  answer: () => ({}),
};
