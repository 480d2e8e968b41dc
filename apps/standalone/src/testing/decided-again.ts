import { type AccessDecision, type AccessRefusal, checkAccess } from '@drawdown/domain';
import { parsePosition } from '@drawdown/kernel';
import type { InMemoryServer } from './in-memory';

/** What a refusal on record says was answered. */
export const answeredIn = ({ asked: _, asOf: __, ...answer }: AccessRefusal) => ({ allowed: false, ...answer });

/** The question of a refusal, decided again on the state that it names. */
export const decidedAgain = async (
  { ledger, catalogue }: InMemoryServer,
  organizationId: string,
  { asked, asOf }: AccessRefusal,
): Promise<AccessDecision | undefined> => {
  const position = parsePosition(asOf.position);
  if (position === undefined) throw new Error(`${asOf.position} is no position`);
  const shown = await ledger.asOf(organizationId, { position }, (organization) =>
    checkAccess(organization, catalogue.rateCards.compiled(organization.rateCard ?? ''), asked, asOf.time),
  );
  return shown?.value;
};
