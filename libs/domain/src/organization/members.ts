import { accept, refuse } from '@drawdown/kernel';
import type { CommandRule } from '../wallet/commands';

/** Sets a person's role: owners and admins may, or a key (`by` null). Owners are made by owners or keys, and the last one stays. */
export const setMemberRole: CommandRule<'SetMemberRole'> = {
  decide: (organization, { userId, role, by }) => {
    const previous = organization.members.get(userId) ?? null;
    if (by === 'member') return refuse({ code: 'role_required', detail: 'members do not set roles' });
    if (by === 'admin' && (role === 'owner' || previous === 'owner')) {
      return refuse({ code: 'role_required', detail: 'only an owner makes or changes an owner' });
    }
    if (previous === role) return accept();
    const owners = [...organization.members.values()].filter((other) => other === 'owner').length;
    if (previous === 'owner' && owners === 1) {
      return refuse({ code: 'last_owner', detail: 'this is the last owner; make another one first' });
    }
    return accept({ type: 'MemberRoleSet', data: { userId, role, previous } });
  },
  answer: (organization, { userId }) => ({ user_id: userId, role: organization.members.get(userId) ?? null }),
};
