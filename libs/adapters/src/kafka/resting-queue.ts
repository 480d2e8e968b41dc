/**
 * kafkajs 2.2.4 asks the queue of every connection a thousand times a second whether something in it may be sent, with
 * nothing in it: 4 % of a core for a process that does nothing (https://github.com/tulios/kafkajs/issues/1704). Whatever is
 * queued later asks for itself, so an empty queue need not.
 */
import { createRequire } from 'node:module';

/** What kafkajs' queue of requests has; it is not exported, and the version is pinned. */
export interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

type Prototype = Partial<RequestQueue> & { isResting?: true };

/** Its class. */
export const requestQueueClass = (): { readonly prototype: Prototype } =>
  createRequire(__filename)('kafkajs/src/network/requestQueue/index.js') as { readonly prototype: Prototype };

/** Lets the queues of all clients of this process rest while they are empty. */
export const letEmptyQueuesRest = (): void => {
  const { prototype } = requestQueueClass();
  if (prototype.isResting === true) return;
  const { scheduleCheckPendingRequests: schedule } = prototype;
  if (schedule === undefined) throw new Error('kafkajs no longer checks its queue of requests: see resting-queue.ts');
  prototype.isResting = true;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
};
