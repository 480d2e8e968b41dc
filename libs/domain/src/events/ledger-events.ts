import { type EventType, type Json, OF_A_NEWER_RELEASE, UnreadableEvent } from '@drawdown/kernel';
import {
  ApiKeyCreated,
  ApiKeyRevoked,
  ApiKeyShown,
  type CatalogueEvent,
  PresetSaved,
  RateCardCreated,
  RateCardVersionActivated,
  RateCardVersionSaved,
  TestClockAdvanced,
  TestClockCreated,
} from './catalogue-events';
import { bookedAtOf, readMetadata, type Recorded } from './envelope';
import type { OwnEvent } from './effects';
import { HeldCreditsEnded, HoldAuthorized, HoldCaptured, HoldExpired, HoldExtended, HoldReleased } from './hold-events';
import {
  BalanceReduced,
  CreditsGranted,
  DebtPaid,
  GrantVoided,
  HeldRestVoided,
  LotActivated,
  LotExpired,
} from './lot-events';
import {
  CommandAnswered,
  MemberRemoved,
  MemberRoleSet,
  OrganizationCreated,
  OrganizationFrozen,
  RateCardAssigned,
  WalletPolicyChanged,
} from './organization-events';
import { AccessRefused, CaptureRefused, HoldRefused } from './refusal-events';
import { UsageCharged, UsageConflicted, type UsageLedgerEvent, UsageQuarantined, UsageRefused } from './usage-events';
import { ChargeRefunded, OrganizationClosed } from './wallet-events';

/** Everything that can stand in `ledger-<shard>`. */
export type LedgerEvent = OwnEvent | UsageLedgerEvent;

/** Every event of the ledger streams, in the order in which the documentation lists them. */
export const LEDGER_EVENT_TYPES = [
  OrganizationCreated,
  MemberRoleSet,
  MemberRemoved,
  RateCardAssigned,
  WalletPolicyChanged,
  CommandAnswered,
  CreditsGranted,
  LotActivated,
  DebtPaid,
  LotExpired,
  GrantVoided,
  HeldRestVoided,
  BalanceReduced,
  HoldAuthorized,
  HoldExtended,
  HoldCaptured,
  HeldCreditsEnded,
  HoldReleased,
  HoldExpired,
  ChargeRefunded,
  OrganizationClosed,
  OrganizationFrozen,
  AccessRefused,
  HoldRefused,
  CaptureRefused,
  UsageCharged,
  UsageQuarantined,
  UsageRefused,
  UsageConflicted,
] as const;

/** Every event of the catalogue streams. */
export const CATALOGUE_EVENT_TYPES = [
  RateCardCreated,
  RateCardVersionSaved,
  RateCardVersionActivated,
  ApiKeyCreated,
  ApiKeyShown,
  ApiKeyRevoked,
  TestClockCreated,
  TestClockAdvanced,
  PresetSaved,
] as const;

type AnyEventType = EventType<string, never>;
const byName = (types: readonly unknown[]): ReadonlyMap<string, AnyEventType> =>
  new Map((types as readonly AnyEventType[]).map((type) => [type.type, type]));
const LEDGER = byName(LEDGER_EVENT_TYPES);
const CATALOGUE_TYPES = byName(CATALOGUE_EVENT_TYPES);

const typeOf = (types: ReadonlyMap<string, AnyEventType>, name: string): AnyEventType => {
  const type = types.get(name);
  if (type === undefined) throw new UnreadableEvent(`event type ${name} is not known here; ${OF_A_NEWER_RELEASE}`);
  return type;
};

/** Stored name, version and JSON to an event of the ledger; throws {@link UnreadableEvent}. */
export const readLedgerEvent = (name: string, version: number, stored: unknown): LedgerEvent =>
  ({ type: name, data: typeOf(LEDGER, name).read(stored, version) }) as unknown as LedgerEvent;

export const writeLedgerEvent = (event: LedgerEvent): { version: number; stored: Json } => {
  const type = typeOf(LEDGER, event.type);
  return { version: type.version, stored: type.write(event.data as never) };
};

export const readCatalogueEvent = (name: string, version: number, stored: unknown): CatalogueEvent =>
  ({ type: name, data: typeOf(CATALOGUE_TYPES, name).read(stored, version) }) as unknown as CatalogueEvent;

export const writeCatalogueEvent = (event: CatalogueEvent): { version: number; stored: Json } => {
  const type = typeOf(CATALOGUE_TYPES, event.type);
  return { version: type.version, stored: type.write(event.data as never) };
};

/** The stream of a shard. */
export const ledgerStream = (shard: number): string => `ledger-${String(shard)}`;

const text = new TextDecoder('utf-8', { fatal: true });

/** A stored ledger event decoded: what it says, where it stands, who caused it, when it was booked. */
export const readRecorded = (
  shard: number,
  stored: {
    readonly type: string;
    readonly revision: number;
    readonly data: Uint8Array;
    readonly metadata: Parameters<typeof readMetadata>[0];
  },
): Recorded<LedgerEvent> => {
  try {
    const metadata = readMetadata(stored.metadata);
    return {
      event: readLedgerEvent(stored.type, metadata.version, JSON.parse(text.decode(stored.data))),
      shard,
      revision: stored.revision,
      bookedAt: bookedAtOf(metadata),
      organizationId: metadata.organization_id ?? null,
      actor: metadata.actor,
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UnreadableEvent(`${ledgerStream(shard)} revision ${String(stored.revision)}: ${why}`, { cause });
  }
};
