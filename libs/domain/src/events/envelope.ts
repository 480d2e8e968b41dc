import { type Instant, type JsonObject, storedInstant, UnreadableEvent } from '@drawdown/kernel';
import { type Static, Type } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';

/** Who caused an event: a key, a person, or the product itself settling what was due (INV-AUD-3). */
export interface Actor {
  readonly type: 'key' | 'user' | 'system';
  readonly id: string;
  /** The person's role in the organization at that time, or the key's scopes; null for the product itself. */
  readonly role: string | null;
}

export const SYSTEM: Actor = { type: 'system', id: 'system', role: null };

/** What a command left behind so that its repetition gets the same answer (INV-INT-8). Stands on its last event. */
const WireCommandRecord = Type.Object({
  key: Type.String(),
  hash: Type.String(),
  accepted: Type.Boolean(),
  /** The answer where it was accepted, the refusal where not. */
  answer: Type.Unknown(),
});
export type CommandRecord = Static<typeof WireCommandRecord>;

/**
 * Metadata of every stored event but those of `store`. Of a ledger event `hash` chains it to all before it in its stream, of
 * one of the catalogue it is that of its content alone (schemas/README.md).
 */
export const WireMetadata = Type.Object({
  version: Type.Integer({ minimum: 1 }),
  booked_at: Type.String(),
  organization_id: Type.Optional(Type.String()),
  actor: Type.Object({
    type: Type.Union([Type.Literal('key'), Type.Literal('user'), Type.Literal('system')]),
    id: Type.String(),
    role: Type.Union([Type.String(), Type.Null()]),
  }),
  request_id: Type.Optional(Type.String()),
  command: Type.Optional(WireCommandRecord),
  /** Source offsets that this append and all before it have taken in: topic → partition → offset. */
  offsets: Type.Optional(Type.Record(Type.String(), Type.Record(Type.String(), Type.Integer()))),
  hash: Type.String(),
});
export type Metadata = Static<typeof WireMetadata>;

const compiled = TypeCompiler.Compile(WireMetadata);

/** The metadata of a stored event; throws {@link UnreadableEvent} where it is none. */
export const readMetadata = (stored: JsonObject): Metadata => {
  if (compiled.Check(stored)) return stored;
  const fault = compiled.Errors(stored).First();
  throw new UnreadableEvent(`metadata does not fit at ${fault?.path ?? '/'}: ${fault?.message ?? ''}`);
};

/** A ledger event as its readers get it. */
export interface Recorded<E> {
  readonly event: E;
  readonly shard: number;
  readonly revision: number;
  readonly bookedAt: Instant;
  /** Null for events that concern several organizations. */
  readonly organizationId: string | null;
  readonly actor: Actor;
}

export const bookedAtOf = (metadata: Metadata): Instant => storedInstant(metadata.booked_at);
