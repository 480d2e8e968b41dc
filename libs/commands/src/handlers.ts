import { Catalogue, Ledger } from '@drawdown/ledger';
import { Inject } from '@nestjs/common';
import { CommandHandler, type ICommandHandler, type IQueryHandler, QueryHandler } from '@nestjs/cqrs';
import {
  ActivateRateCardVersion,
  AdvanceTestClock,
  ChargeUsage,
  CreateApiKey,
  CreateRateCard,
  CreateTestClock,
  RedriveQuarantine,
  RevokeApiKey,
  RunCommand,
  SaveRateCardVersion,
  TakeUsage,
} from './commands';
import { OrganizationAsOf, ReadOrganization } from './queries';

@CommandHandler(RunCommand)
export class RunCommandHandler implements ICommandHandler<RunCommand> {
  constructor(@Inject(Ledger) private readonly ledger: Ledger) {}
  execute({ organizationId, command, sender, idempotency }: RunCommand) {
    return this.ledger.run(organizationId, command, sender, idempotency);
  }
}

@CommandHandler(ChargeUsage)
export class ChargeUsageHandler implements ICommandHandler<ChargeUsage> {
  constructor(@Inject(Ledger) private readonly ledger: Ledger) {}
  execute({ usages, sender }: ChargeUsage) {
    return this.ledger.charge(usages, sender);
  }
}

@CommandHandler(TakeUsage)
export class TakeUsageHandler implements ICommandHandler<TakeUsage> {
  constructor(@Inject(Ledger) private readonly ledger: Ledger) {}
  execute({ usages, sender }: TakeUsage) {
    return this.ledger.take(usages, sender);
  }
}

@CommandHandler(RedriveQuarantine)
export class RedriveQuarantineHandler implements ICommandHandler<RedriveQuarantine> {
  constructor(@Inject(Ledger) private readonly ledger: Ledger) {}
  execute({ usages, sender }: RedriveQuarantine) {
    return this.ledger.redrive(usages, sender);
  }
}

@CommandHandler(CreateRateCard)
export class CreateRateCardHandler implements ICommandHandler<CreateRateCard> {
  constructor(@Inject(Catalogue) private readonly catalogue: Catalogue) {}
  execute({ card, sender, idempotency }: CreateRateCard) {
    return this.catalogue.rateCards.create(card, sender, idempotency);
  }
}

@CommandHandler(SaveRateCardVersion)
export class SaveRateCardVersionHandler implements ICommandHandler<SaveRateCardVersion> {
  constructor(@Inject(Catalogue) private readonly catalogue: Catalogue) {}
  execute({ key, version, sender, idempotency }: SaveRateCardVersion) {
    return this.catalogue.rateCards.saveVersion(key, version, sender, idempotency);
  }
}

@CommandHandler(ActivateRateCardVersion)
export class ActivateRateCardVersionHandler implements ICommandHandler<ActivateRateCardVersion> {
  constructor(@Inject(Catalogue) private readonly catalogue: Catalogue) {}
  execute({ key, version, effectiveFrom, sender, idempotency }: ActivateRateCardVersion) {
    return this.catalogue.rateCards.activateVersion(key, version, effectiveFrom, sender, idempotency);
  }
}

@CommandHandler(CreateApiKey)
export class CreateApiKeyHandler implements ICommandHandler<CreateApiKey> {
  constructor(@Inject(Catalogue) private readonly catalogue: Catalogue) {}
  execute({ key, sender, idempotency }: CreateApiKey) {
    return this.catalogue.apiKeys.create(key, sender, idempotency);
  }
}

@CommandHandler(RevokeApiKey)
export class RevokeApiKeyHandler implements ICommandHandler<RevokeApiKey> {
  constructor(@Inject(Catalogue) private readonly catalogue: Catalogue) {}
  execute({ id, sender }: RevokeApiKey) {
    return this.catalogue.apiKeys.revoke(id, sender);
  }
}

@CommandHandler(CreateTestClock)
export class CreateTestClockHandler implements ICommandHandler<CreateTestClock> {
  constructor(@Inject(Catalogue) private readonly catalogue: Catalogue) {}
  execute({ now, sender, idempotency }: CreateTestClock) {
    return this.catalogue.testClocks.create(now, sender, idempotency);
  }
}

@CommandHandler(AdvanceTestClock)
export class AdvanceTestClockHandler implements ICommandHandler<AdvanceTestClock> {
  constructor(
    @Inject(Catalogue) private readonly catalogue: Catalogue,
    @Inject(Ledger) private readonly ledger: Ledger,
  ) {}

  /** Settles even where the clock stood at `to` already: a repetition after a crash finishes what the first one began. */
  async execute({ id, to, sender, idempotency }: AdvanceTestClock) {
    const moved = await this.catalogue.testClocks.advance(id, to, sender, idempotency);
    if (moved.accepted) await this.ledger.settleClock(id);
    return moved;
  }
}

@QueryHandler(ReadOrganization)
export class ReadOrganizationHandler implements IQueryHandler<ReadOrganization<unknown>> {
  constructor(@Inject(Ledger) private readonly ledger: Ledger) {}
  execute({ organizationId, after, view }: ReadOrganization<unknown>) {
    return this.ledger.read(organizationId, after, view);
  }
}

@QueryHandler(OrganizationAsOf)
export class OrganizationAsOfHandler implements IQueryHandler<OrganizationAsOf<unknown>> {
  constructor(@Inject(Ledger) private readonly ledger: Ledger) {}
  execute({ organizationId, when, view }: OrganizationAsOf<unknown>) {
    return this.ledger.asOf(organizationId, when, view);
  }
}
