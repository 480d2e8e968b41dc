import { compilePrice, isCompiled, type SavedRate } from '@drawdown/domain';
import type { JsonObject } from '@drawdown/kernel';
import { type Finding, findings, FINDINGS_MAX } from '../problems/problem';
import type { RateBody } from './shapes';

const savedRate = (body: RateBody): SavedRate => ({
  service_type: body.service_type,
  ...(body.model ? { model: body.model } : {}),
  ...(body.resource_type ? { resource_type: body.resource_type } : {}),
  ...(body.dimensions ? { dimensions: body.dimensions } : {}),
  ...(body.wallet ? { wallet: body.wallet } : {}),
  price: body.price as SavedRate['price'],
});

/**
 * The rates of a version as they are saved; the problem with every fault of every price where there is one. What a
 * price may contain is known to the rate models alone, so it is they who look at it, here for its form (400) and its
 * meaning (422) alike.
 */
export const ratesOf = (bodies: readonly RateBody[]): readonly SavedRate[] => {
  const found: Finding[] = [];
  for (const [index, { price }] of bodies.entries()) {
    if (found.length >= FINDINGS_MAX) break;
    const compiled = compilePrice(price as JsonObject);
    if (isCompiled(compiled)) continue;
    for (const { pointer, code, detail } of compiled) {
      found.push({ pointer: `/rates/${String(index)}/price${pointer}`, code, detail });
    }
  }
  if (found.length > 0) throw findings(found);
  return bodies.map(savedRate);
};
