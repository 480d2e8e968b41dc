import { letEmptyQueuesRest, type RequestQueue, requestQueueClass } from './resting-queue';

interface Queue extends RequestQueue {
  readonly inflight: ReadonlyMap<number, unknown>;
  push(request: object): void;
  checkPendingRequests(): void;
  maybeThrottle(ms: number): void;
  destroy(): void;
}

const quiet = { debug: () => undefined, error: () => undefined };

const newQueue = (maxInFlightRequests: number | null = null): Queue => {
  const RequestQueueClass = requestQueueClass() as unknown as new (options: object) => Queue;
  const limits = { maxInFlightRequests, requestTimeout: 1_000, enforceRequestTimeout: false };
  return new RequestQueueClass({ ...limits, clientId: 'c', broker: 'b', logger: quiet });
};

const request = (correlationId: number, sent: number[]): object => ({
  entry: { correlationId, apiKey: 3, apiVersion: 1, apiName: 'Metadata', resolve: () => undefined },
  expectResponse: false,
  sendRequest: () => sent.push(correlationId),
});

describe("kafkajs' queue of requests", () => {
  beforeAll(() => letEmptyQueuesRest());
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  it('sets no timer while nothing waits in it', () => {
    const queue = newQueue();
    const sent: number[] = [];
    queue.push(request(1, sent));
    queue.checkPendingRequests();
    expect(sent).toEqual([1]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('sends what the broker told it to hold back, when that is over, and rests again', () => {
    const queue = newQueue();
    const sent: number[] = [];
    queue.maybeThrottle(200);
    queue.push(request(1, sent));
    queue.push(request(2, sent));
    jest.advanceTimersByTime(199);
    expect(sent).toEqual([]);
    jest.advanceTimersByTime(20);
    expect(sent).toEqual([1, 2]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is repaired once, however many clients there are', () => {
    const { scheduleCheckPendingRequests: before } = requestQueueClass().prototype;
    letEmptyQueuesRest();
    expect(requestQueueClass().prototype.scheduleCheckPendingRequests).toBe(before);
  });
});
