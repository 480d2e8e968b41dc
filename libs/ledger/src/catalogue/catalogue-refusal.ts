import type { OrganizationCommand, Refusal } from '@drawdown/domain';
import type { Catalogue } from './catalogue';

/** Why a command that names something of the catalogue cannot be: it is not there, or not the organization's to use. */
export const catalogueRefusal = (
  catalogue: Pick<Catalogue, 'rateCards' | 'testClocks'>,
  organizationId: string,
  command: OrganizationCommand,
): Refusal | null => {
  if (command.type === 'CreateOrganization') {
    const isThere = command.testClock === null || catalogue.testClocks.get(command.testClock) !== undefined;
    return isThere ? null : notFound('/test_clock', 'there is no such test clock');
  }
  if (command.type !== 'AssignRateCard') return null;
  const card = catalogue.rateCards.get(command.rateCard);
  const isUsable = card !== undefined && (card.organizationId === null || card.organizationId === organizationId);
  return isUsable ? null : notFound('/key', 'there is no such rate card');
};

const notFound = (pointer: string, detail: string): Refusal => ({ code: 'not_found', pointer, detail });
