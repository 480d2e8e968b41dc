import { accept, refuse } from '@drawdown/kernel';
import type { CommandRule } from '../wallet/commands';
import type { Organization } from '../wallet/state';

/** People of one organization: all of them are in the memory of its shard's owner, and in each of its snapshots. */
const MEMBERS_MAX = 20_000;

/** Sets a person's role: owners and admins may, or a key (`by` null). Owners are made by owners or keys, and the last one stays. */
export const setMemberRole: CommandRule<'SetMemberRole'> = {
  decide: (organization, { userId, role, by }) => {
    const previous = organization.members.get(userId) ?? null;
    if (by === 'member') return refuse({ code: 'role_required', detail: 'members do not set roles' });
    if (by === 'admin' && (role === 'owner' || previous === 'owner')) {
      return refuse({ code: 'role_required', detail: 'only an owner makes or changes an owner' });
    }
    if (previous === role) return accept();
    if (previous === null && organization.members.size >= MEMBERS_MAX) {
      return refuse({
        code: 'too_many_items',
        detail: `an organization has at most ${String(MEMBERS_MAX)} members; remove some first`,
      });
    }
    if (previous === 'owner' && isLastOwner(organization)) return refuse(LAST_OWNER);
    return accept({ type: 'MemberRoleSet', data: { userId, role, previous } });
  },
  answer: (organization, { userId }) => ({ user_id: userId, role: organization.members.get(userId) ?? null }),
};

/**
 * Takes a person out: whoever may set its role may. What was never in, or is out already, is out. The last owner stays
 * for keys, too: they make another one first, so that somebody is always there who may close the organization.
 */
export const removeMember: CommandRule<'RemoveMember'> = {
  decide: (organization, { userId, by }) => {
    const role = organization.members.get(userId);
    if (by === 'member') return refuse({ code: 'role_required', detail: 'members remove nobody' });
    if (by === 'admin' && role === 'owner') {
      return refuse({ code: 'role_required', detail: 'only an owner removes an owner' });
    }
    if (role === undefined) return accept();
    if (role === 'owner' && isLastOwner(organization)) return refuse(LAST_OWNER);
    return accept({ type: 'MemberRemoved', data: { userId, role } });
  },
  answer: (_, { userId }) => ({ user_id: userId, removed: true }),
};

const LAST_OWNER = { code: 'last_owner', detail: 'this is the last owner; make another one first' } as const;

/** Of an organization in which somebody is owner. */
const isLastOwner = ({ members }: Organization): boolean =>
  [...members.values()].filter((role) => role === 'owner').length === 1;
