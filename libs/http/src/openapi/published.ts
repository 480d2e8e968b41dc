/** An amount's text in a published schema; the program itself reads it by `parseDecimal`. */
const AMOUNT_PATTERN = '^(0|[1-9][0-9]{0,17})([.][0-9]{1,9})?$';

/**
 * A schema as others get it: plain JSON, without the annotations that only this program reads (`code`, which names the
 * fault of a text that does not fit; `amount` and `instant`, which are said in JSON Schema's own words instead).
 */
export const published = <T>(schema: T): T =>
  JSON.parse(
    JSON.stringify(schema, (_, value: unknown) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
      const { code, amount, instant, ...rest } = value as Record<string, unknown>;
      return {
        ...rest,
        ...(code === undefined || typeof code === 'string' ? {} : { code }),
        ...(amount === true ? { pattern: AMOUNT_PATTERN } : amount === undefined ? {} : { amount }),
        ...(instant === true ? { format: 'date-time' } : instant === undefined ? {} : { instant }),
      };
    }),
  ) as T;
