export { IdentityIndex } from './identity-index';
export {
  type Append,
  CountedMetrics,
  delegating,
  factsOf,
  leavingOut,
  recorded,
  recordingStore,
} from './testing/recording';
export { canonical, stateHash } from './testing/state-hash';
export { VirtualTime } from './testing/virtual-time';
export {
  ACME,
  createCard,
  grant,
  hold,
  idIn,
  type LedgerWorld,
  mustBeAccepted,
  openLedger,
  refund,
  SENDER,
  used,
  withOrganization,
} from './testing/world';
