export { type BatchLimits, UnreadableAt } from './batch';
export type { FollowerHealth } from './follower';
export { DatabaseTooNew } from './format';
export type { Lag } from './lag-gauge';
export { type Model, modelName, type Projector, suffixOf } from './projector';
export { ReadModelBehind, type ReadProgress } from './progress';
export { ProjectorRunner, type ProjectorRunnerOptions } from './runner';
