/** What `decide` answers: the facts that follow from a command, or why there are none. */
export type Decision<Event, Refusal> =
  | { readonly accepted: true; readonly events: readonly Event[] }
  /** With facts where the refusal itself is to be kept. */
  | { readonly accepted: false; readonly refusal: Refusal; readonly events?: readonly Event[] };

/** The command stands. Without events: it was already done, and no new fact follows. */
export const accept = <Event>(...events: Event[]): Decision<Event, never> => ({ accepted: true, events });

export const refuse = <Refusal>(refusal: Refusal): Decision<never, Refusal> => ({ accepted: false, refusal });

/** The same, with the facts that tell what was refused and on what. */
export const refuseOnRecord = <Event, Refusal>(refusal: Refusal, ...events: Event[]): Decision<Event, Refusal> => ({
  accepted: false,
  refusal,
  events,
});

/** What `decide` sees of a state: everything, but read-only all the way down. */
export type View<State> = State extends bigint | string | number | boolean | null | undefined
  ? State
  : State extends Map<infer K, infer V>
    ? ReadonlyMap<K, View<V>>
    : State extends Set<infer V>
      ? ReadonlySet<View<V>>
      : State extends (infer V)[]
        ? readonly View<V>[]
        : { readonly [K in keyof State]: View<State[K]> };

/** Ends a switch over a union: a new member does not compile until the switch says what it means. */
export const unreachable = (never: never): never => {
  // Amounts are bigints, which JSON cannot carry.
  const text = JSON.stringify(never, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  throw new Error(`unreachable: ${text}`);
};
