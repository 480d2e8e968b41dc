import {
  type EventOf,
  eventType,
  type Instant,
  ROUNDING_MODES,
  type RoundingMode,
  storedInstant,
} from '@drawdown/kernel';
import { Type } from '@sinclair/typebox';
import { Nullable, readOptionalInstant, WireInstant } from './wire';

/** One line of a rate card: what it matches, the wallet it charges, and its price object as saved. */
export interface SavedRate {
  readonly service_type: string;
  readonly model?: string;
  readonly resource_type?: string;
  readonly dimensions?: Readonly<Record<string, string>>;
  readonly wallet?: string;
  readonly price: Readonly<Record<string, unknown>> & { readonly type: string };
}

const WireRate = Type.Object({
  service_type: Type.String(),
  model: Type.Optional(Type.String()),
  resource_type: Type.Optional(Type.String()),
  dimensions: Type.Optional(Type.Record(Type.String(), Type.String())),
  wallet: Type.Optional(Type.String()),
  price: Type.Intersect([Type.Object({ type: Type.String() }), Type.Record(Type.String(), Type.Unknown())]),
});

export const RateCardCreated = eventType('RateCardCreated', {
  wire: Type.Object({
    key: Type.String(),
    name: Type.String(),
    unit: Type.String(),
    organization_id: Nullable(Type.String()),
  }),
  read: (wire) => ({ key: wire.key, name: wire.name, unit: wire.unit, organizationId: wire.organization_id }),
  write: (data) => ({ key: data.key, name: data.name, unit: data.unit, organization_id: data.organizationId }),
});

export const RateCardVersionSaved = eventType('RateCardVersionSaved', {
  wire: Type.Object({
    key: Type.String(),
    version: Type.Integer({ minimum: 1 }),
    rates: Type.Array(WireRate),
    rounding: Type.Object({
      scale: Type.Integer({ minimum: 0, maximum: 9 }),
      mode: Type.Union(ROUNDING_MODES.map((mode) => Type.Literal(mode))),
    }),
    effective_from: Nullable(WireInstant),
  }),
  read: (wire) => ({
    key: wire.key,
    version: wire.version,
    rates: wire.rates as readonly SavedRate[],
    rounding: wire.rounding as { readonly scale: number; readonly mode: RoundingMode },
    effectiveFrom: readOptionalInstant(wire.effective_from),
  }),
  write: (data) => ({
    key: data.key,
    version: data.version,
    rates: data.rates.map((rate) => ({ ...rate })),
    rounding: { ...data.rounding },
    effective_from: data.effectiveFrom,
  }),
});

/** A version prices usage of event times from `effective_from` on; the version before it ends there. */
export const RateCardVersionActivated = eventType('RateCardVersionActivated', {
  wire: Type.Object({
    key: Type.String(),
    version: Type.Integer({ minimum: 1 }),
    effective_from: WireInstant,
    closes_version: Nullable(Type.Integer()),
  }),
  read: (wire) => ({
    key: wire.key,
    version: wire.version,
    effectiveFrom: storedInstant(wire.effective_from),
    closesVersion: wire.closes_version,
  }),
  write: (data) => ({
    key: data.key,
    version: data.version,
    effective_from: data.effectiveFrom,
    closes_version: data.closesVersion,
  }),
});

export const SCOPES = ['usage:write', 'credits:write', 'read', 'admin', 'audit'] as const;
export type ApiScope = (typeof SCOPES)[number];

/** A key was made. Only the hash of its secret is kept. `shown: false`: nobody has been told its secret yet. */
export const ApiKeyCreated = eventType('ApiKeyCreated', {
  wire: Type.Object({
    id: Type.String(),
    name: Type.String(),
    scopes: Type.Array(Type.Union(SCOPES.map((scope) => Type.Literal(scope)))),
    organization_id: Nullable(Type.String()),
    secret_hash: Type.String(),
    shown: Type.Optional(Type.Literal(false)),
  }),
  read: (wire) => ({
    id: wire.id,
    name: wire.name,
    scopes: wire.scopes as readonly ApiScope[],
    organizationId: wire.organization_id,
    secretHash: wire.secret_hash,
    shown: wire.shown ?? true,
  }),
  write: (data) => ({
    id: data.id,
    name: data.name,
    scopes: [...data.scopes],
    organization_id: data.organizationId,
    secret_hash: data.secretHash,
    ...(data.shown ? {} : { shown: false as const }),
  }),
});

/** Whoever started the process was told the secret of a key that had been made for them. */
export const ApiKeyShown = eventType('ApiKeyShown', {
  wire: Type.Object({ id: Type.String() }),
  read: (wire) => wire,
  write: (data) => data,
});

export const ApiKeyRevoked = eventType('ApiKeyRevoked', {
  wire: Type.Object({ id: Type.String() }),
  read: (wire) => wire,
  write: (data) => data,
});

export const TestClockCreated = eventType('TestClockCreated', {
  wire: Type.Object({ id: Type.String(), now: WireInstant }),
  read: (wire) => ({ id: wire.id, now: storedInstant(wire.now) }),
  write: (data) => ({ id: data.id, now: data.now as Instant }),
});

export const TestClockAdvanced = eventType('TestClockAdvanced', {
  wire: Type.Object({ id: Type.String(), from: WireInstant, to: WireInstant }),
  read: (wire) => ({ id: wire.id, from: storedInstant(wire.from), to: storedInstant(wire.to) }),
  write: (data) => ({ id: data.id, from: data.from, to: data.to }),
});

/** A preset of the installation, or a new version of one. Organizations made before keep theirs. */
export const PresetSaved = eventType('PresetSaved', {
  wire: Type.Object({
    key: Type.String(),
    version: Type.Integer({ minimum: 2 }),
    preset: Type.Record(Type.String(), Type.Unknown()),
  }),
  read: (wire) => wire,
  write: (data) => data,
});

export type CatalogueEvent =
  | EventOf<typeof RateCardCreated>
  | EventOf<typeof RateCardVersionSaved>
  | EventOf<typeof RateCardVersionActivated>
  | EventOf<typeof ApiKeyCreated>
  | EventOf<typeof ApiKeyShown>
  | EventOf<typeof ApiKeyRevoked>
  | EventOf<typeof TestClockCreated>
  | EventOf<typeof TestClockAdvanced>
  | EventOf<typeof PresetSaved>;
