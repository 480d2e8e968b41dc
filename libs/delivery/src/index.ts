export { type BatchLimits, UnreadableAt } from './batch';
export { CheckpointProgress } from './checkpoint-progress';
export { eventOf, LEDGER_TOPIC, NotAnEvent, recordOf } from './event-record';
export type { FollowerHealth } from './follower';
export { DatabaseTooNew } from './format';
export type { Lag } from './lag-gauge';
export { type Model, modelName, type Projector, suffixOf } from './projector';
export { ReadModelBehind, type ReadProgress } from './progress';
export { ProjectorRunner, type ProjectorRunnerOptions } from './runner';
