import type {
  CatalogueResult,
  CommandResult,
  Idempotency,
  MadeApiKey,
  NewApiKey,
  RepeatableResult,
  Sender,
  TakenResult,
  UsageResult,
} from '@drawdown/ledger';
import type { OrganizationCommand, RateCard, SavedRate, UsageEvent } from '@drawdown/domain';
import type { Instant, Rounding } from '@drawdown/kernel';
import { Command } from '@nestjs/cqrs';

/** Carries any {@link OrganizationCommand} over Nest's bus, which needs a class; one per boundary is enough. */
export class RunCommand extends Command<CommandResult> {
  constructor(
    readonly organizationId: string,
    readonly command: OrganizationCommand,
    readonly sender: Sender,
    readonly idempotency: Idempotency | null,
  ) {
    super();
  }
}

/** All usage of one request: the bus is crossed once per batch, never once per event. */
export class ChargeUsage extends Command<UsageResult> {
  constructor(
    readonly usages: readonly UsageEvent[],
    readonly sender: Sender,
  ) {
    super();
  }
}

/** The same for senders that do not wait for what becomes of it: answered once the usage is durable. */
export class TakeUsage extends Command<TakenResult> {
  constructor(
    readonly usages: readonly UsageEvent[],
    readonly sender: Sender,
  ) {
    super();
  }
}

/** Quarantined usage driven again, after its meter or card was fixed. */
export class RedriveQuarantine extends Command<UsageResult> {
  constructor(
    readonly usages: readonly UsageEvent[],
    readonly sender: Sender,
  ) {
    super();
  }
}

export class CreateRateCard extends Command<RepeatableResult<RateCard>> {
  constructor(
    readonly card: {
      readonly key: string;
      readonly name: string;
      readonly unit: string;
      /** Null for cards of the whole installation. */
      readonly organizationId: string | null;
    },
    readonly sender: Sender,
    readonly idempotency: Idempotency | null,
  ) {
    super();
  }
}

/** A new draft version; its rates are checked as a whole. */
export class SaveRateCardVersion extends Command<RepeatableResult<{ version: number }>> {
  constructor(
    readonly key: string,
    readonly version: {
      readonly rates: readonly SavedRate[];
      /** Null for the default rounding. */
      readonly rounding: Rounding | null;
      readonly effectiveFrom: Instant | null;
    },
    readonly sender: Sender,
    readonly idempotency: Idempotency | null,
  ) {
    super();
  }
}

/** Lets a version price usage from an instant on; null: from what the version says, else from now. */
export class ActivateRateCardVersion extends Command<RepeatableResult<RateCard>> {
  constructor(
    readonly key: string,
    readonly version: number,
    readonly effectiveFrom: Instant | null,
    readonly sender: Sender,
    readonly idempotency: Idempotency | null,
  ) {
    super();
  }
}

/** Its first answer is the only one that ever carries the secret. */
export class CreateApiKey extends Command<RepeatableResult<MadeApiKey>> {
  constructor(
    readonly key: NewApiKey,
    readonly sender: Sender,
    readonly idempotency: Idempotency | null,
  ) {
    super();
  }
}

export class RevokeApiKey extends Command<CatalogueResult<null>> {
  constructor(
    readonly id: string,
    readonly sender: Sender,
  ) {
    super();
  }
}

export class CreateTestClock extends Command<RepeatableResult<{ id: string; now: Instant }>> {
  constructor(
    readonly now: Instant,
    readonly sender: Sender,
    readonly idempotency: Idempotency | null,
  ) {
    super();
  }
}

/** Moves a clock and resolves once everything due up to `to` is booked on all organizations that live on it. */
export class AdvanceTestClock extends Command<RepeatableResult<{ id: string; now: Instant }>> {
  constructor(
    readonly id: string,
    readonly to: Instant,
    readonly sender: Sender,
    readonly idempotency: Idempotency | null,
  ) {
    super();
  }
}
