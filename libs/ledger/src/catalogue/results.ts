import type { Refusal } from '@drawdown/domain';
import type { Position } from '@drawdown/kernel';

/** A write to the catalogue: done, with its position, or refused. */
export type CatalogueResult<T> =
  | { readonly accepted: true; readonly value: T; readonly position: Position }
  | { readonly accepted: false; readonly refusal: Refusal };

/** The same of a write that may be repeated: under the same key it is done once, and answered as the first time. */
export type RepeatableResult<T> =
  | { readonly accepted: true; readonly value: T; readonly position: Position; readonly replayed: boolean }
  /** Refusals are not remembered: nothing was written that could remember them. */
  | { readonly accepted: false; readonly refusal: Refusal }
  /** The key was used before with another content; nothing happened. */
  | { readonly accepted: false; readonly keyReused: true };
