import { type OrganizationCommand, readUsage, type UsageEvent, writeUsage } from '@drawdown/domain';
import type { StreamRecord } from '@drawdown/ports';
import type { Idempotency, Sender } from '../ledger';
import { readExact, writeExact } from './exact-json';
import { PRODUCER, readCatalogueSeen, readReplyAddress, readSender, type ReplyAddress } from './headers';
import { writeCatalogueSeen, writeReplyAddress, writeSender } from './headers';

/** What the owner of a shard can be asked over the command topic. */
export type Asked =
  | {
      readonly kind: 'run';
      readonly organizationId: string;
      readonly commandId: string;
      readonly command: OrganizationCommand;
      readonly idempotency: Idempotency | null;
    }
  | { readonly kind: 'redrive'; readonly usages: readonly UsageEvent[] }
  | { readonly kind: 'settle'; readonly clock: string }
  | { readonly kind: 'last_priced'; readonly card: string; readonly version: number };

export interface CommandRecord {
  readonly asked: Asked;
  readonly sender: Sender;
  /** Position in the catalogue that the sender has seen. */
  readonly afterCatalogue: number;
  readonly reply: ReplyAddress;
}

/** Every kind of command; what is not in it cannot be sent. */
const COMMANDS: Readonly<Record<OrganizationCommand['type'], true>> = {
  CreateOrganization: true,
  GrantCredits: true,
  VoidGrant: true,
  AdjustBalance: true,
  ChangeWalletPolicy: true,
  AuthorizeHold: true,
  ExtendHold: true,
  CaptureHold: true,
  ReleaseHold: true,
  RefundCharge: true,
  AssignRateCard: true,
  SetMemberRole: true,
  RemoveMember: true,
  CloseOrganization: true,
  RecordAccessRefusal: true,
};

export const writeCommandRecord = ({ asked, sender, afterCatalogue, reply }: CommandRecord): StreamRecord => {
  const told = asked.kind === 'redrive' ? { ...asked, usages: asked.usages.map(writeUsage) } : asked;
  return {
    key: asked.kind === 'run' ? asked.organizationId : null,
    value: Buffer.from(writeExact(told), 'utf8'),
    headers: { ...writeSender(sender), ...writeReplyAddress(reply), ...writeCatalogueSeen(afterCatalogue) },
  };
};

/**
 * Reads a record that {@link writeCommandRecord} wrote; null where it is none: of a newer version, or of somebody who
 * does not belong on this topic.
 */
export const readCommandRecord = ({ value, headers }: StreamRecord): CommandRecord | null => {
  const reply = readReplyAddress(headers);
  if (value === null || reply === null) return null;
  try {
    const asked = readExact(value.toString('utf8')) as Asked;
    if (!isKnown(asked)) return null;
    const sender = readSender(headers, PRODUCER);
    const afterCatalogue = readCatalogueSeen(headers);
    if (asked.kind !== 'redrive') return { asked, sender, afterCatalogue, reply };
    const wire = asked.usages as unknown as readonly Parameters<typeof readUsage>[0][];
    return { asked: { kind: 'redrive', usages: wire.map(readUsage) }, sender, afterCatalogue, reply };
  } catch {
    return null;
  }
};

const isKnown = (asked: Asked): boolean => {
  switch (asked.kind) {
    case 'run':
      return (
        typeof asked.organizationId === 'string' &&
        typeof asked.commandId === 'string' &&
        Object.hasOwn(COMMANDS, asked.command.type)
      );
    case 'redrive':
    case 'settle':
    case 'last_priced':
      return true;
    default:
      return false;
  }
};
