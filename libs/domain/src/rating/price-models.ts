import type { JsonObject } from '@drawdown/kernel';
import { flatRate } from './flat-rate';
import { perToken } from './per-token';
import type { CompiledPrice, PriceFault, PriceModel } from './price-model';

/** Every rate model. A new one is a file beside the others and a place in this list. */
const PRICE_MODELS: readonly PriceModel[] = [flatRate, perToken];

const BY_TYPE: ReadonlyMap<string, PriceModel> = new Map(PRICE_MODELS.map((model) => [model.type, model]));

/** Makes a price object ready for use, or lists what is wrong with it. */
export const compilePrice = (price: JsonObject): CompiledPrice | readonly PriceFault[] => {
  const model = typeof price['type'] === 'string' ? BY_TYPE.get(price['type']) : undefined;
  if (model !== undefined) return model.compile(price);
  const known = PRICE_MODELS.map(({ type }) => type).join(', ');
  return [{ pointer: '/type', code: 'invalid_rate', detail: `type must be one of: ${known}` }];
};

export const isCompiled = (result: CompiledPrice | readonly PriceFault[]): result is CompiledPrice => 'price' in result;
