import { Type } from '@sinclair/typebox';
import { coverPositions, shapeOf } from '../api/client';
import type { DayEvent } from './day';
import type { PatientClient } from './patient-client';
import { hourOf, moveClock, type Stage } from './stage';

/** After this many hours a day is over. */
export const HOURS_OF_DAY = 24;
const EVENTS_MAX = 500;
/** Biggest charges that are remembered. */
const BIGGEST = 5;

const Answer = shapeOf(
  Type.Object({
    position: Type.Union([Type.String(), Type.Null()]),
    results: Type.Array(
      Type.Object({
        outcome: Type.String(),
        transaction_id: Type.Union([Type.String(), Type.Null()]),
        credits_debited: Type.Union([Type.String(), Type.Null()]),
      }),
    ),
  }),
);

export interface Charge {
  readonly event: DayEvent;
  readonly transactionId: string;
  /** Decimal text. */
  readonly credits: string;
}

export interface Fed {
  readonly charged: number;
  readonly others: ReadonlyMap<string, number>;
  readonly biggest: readonly Charge[];
  readonly position: string | null;
}

/** Lives through the day hour by hour: the clock moves on, then what happened in the hour is reported. */
export const feedDay = async (
  client: PatientClient,
  stage: Stage,
  events: readonly DayEvent[],
  watch: (done: number) => void,
): Promise<Fed> => {
  const feed = new Feed(client, stage);
  let done = 0;
  for (let hour = 1; hour <= HOURS_OF_DAY; hour++) {
    await moveClock(client, stage, hour);
    const [from, to] = [hourOf(stage.day, hour - 1), hourOf(stage.day, hour)];
    const inHour = events.filter(({ time }) => from <= time && time < to);
    for (let i = 0; i < inHour.length; i += EVENTS_MAX) {
      await feed.send(inHour.slice(i, i + EVENTS_MAX));
      watch((done += Math.min(EVENTS_MAX, inHour.length - i)));
    }
  }
  return feed;
};

class Feed implements Fed {
  charged = 0;
  readonly others = new Map<string, number>();
  biggest: readonly Charge[] = [];
  position: string | null = null;

  constructor(
    private readonly client: PatientClient,
    private readonly stage: Stage,
  ) {}

  async send(events: readonly DayEvent[]): Promise<void> {
    const body = events.map(({ time, customer, id, data }) => ({
      specversion: '1.0',
      id,
      source: 'demo/agents',
      type: 'drawdown.usage.v1',
      subject: this.stage.organization(customer),
      time,
      data,
    }));
    const headers = { 'content-type': 'application/cloudevents-batch+json' };
    const { results, position } = await this.client.send('POST', '/v1/events?wait=charged', Answer, body, headers);
    this.position = coverPositions(this.position, position);
    results.forEach(({ outcome, transaction_id: transactionId, credits_debited: credits }, index) => {
      const event = events[index];
      if (outcome !== 'charged' || event === undefined || transactionId === null || credits === null) {
        this.others.set(outcome, (this.others.get(outcome) ?? 0) + 1);
        return;
      }
      this.charged++;
      this.biggest = [...this.biggest, { event, transactionId, credits }].sort(byCredits).slice(0, BIGGEST);
    });
  }
}

/** Largest first; amounts are compared exactly. */
const byCredits = (a: Charge, b: Charge): number => {
  const [x, y] = [partsOf(a.credits), partsOf(b.credits)];
  return x === y ? 0 : x > y ? -1 : 1;
};

const partsOf = (text: string): bigint => {
  const [whole = '0', decimals = ''] = text.split('.');
  return BigInt(whole + decimals.padEnd(9, '0'));
};
