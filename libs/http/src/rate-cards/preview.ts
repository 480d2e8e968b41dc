import {
  type CompiledCard,
  type CompiledRate,
  explainPrice,
  isRejection,
  parseUsageEvent,
  type UsageEvent,
} from '@drawdown/domain';
import type { Instant, JsonObject } from '@drawdown/kernel';
import { isProblemCode } from '../problems/codes';
import { finding, notFound, Problem } from '../problems/problem';
import type { PreviewBody } from './shapes';

/** The usage of a preview as an event, so that it is read exactly as a reported one would be. */
const usageOf = (data: Record<string, unknown>, at: Instant): UsageEvent => {
  const parsed = parseUsageEvent({
    specversion: '1.0',
    id: 'preview',
    source: 'preview',
    type: 'drawdown.usage.v1',
    subject: 'preview',
    time: at,
    data,
  });
  if (!isRejection(parsed)) return parsed;
  const { rejected, pointer, detail } = parsed;
  throw finding(isProblemCode(rejected) ? rejected : 'invalid_value', pointer.replace(/^\/data/, '/usage'), detail);
};

/** There is no price, for a reason that would quarantine the usage. */
const unpriced = (reason: string, detail: string): Problem => new Problem('invalid_rate', detail, { more: { reason } });

const rateOf = (card: CompiledCard, usage: UsageEvent, version: number | null): CompiledRate => {
  if (version !== null) {
    const compiled = card.version(version);
    if (compiled === undefined) throw notFound();
    const rate = compiled.rateFor(usage);
    if (rate === null) throw unpriced('no_rate', `version ${String(version)} has no rate for this usage`);
    return rate;
  }
  const rate = card.rateFor(usage);
  if ('code' in rate) throw unpriced(rate.code, rate.detail);
  return rate;
};

/** What usage would cost under a card, with every step; nothing is booked. */
export const previewOf = (card: CompiledCard, body: PreviewBody, at: Instant): JsonObject => {
  const usage = usageOf(body.usage, at);
  const priced = explainPrice(usage, rateOf(card, usage, body.version ?? null));
  if ('code' in priced) throw unpriced(priced.code, priced.detail);
  return priced.document;
};
