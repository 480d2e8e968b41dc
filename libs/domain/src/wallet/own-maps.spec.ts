import { deserialize, serialize } from 'node:v8';
import { authorizeHold, granted, inOrganization, refundCharge, setRole, START, used } from '../testing';
import { evolve } from './evolve';
import type { Organization } from './state';

const sizes = ({ holds, members, refunded }: Organization): number[] => [holds.size, members.size, refunded.size];

const newOrganization = (): Organization => inOrganization().ledger.organization;

test('what happens in one organization is nothing to another', () => {
  const other = newOrganization();
  const { ledger } = inOrganization().given(
    granted('a', '10'),
    used('1', { id: 'charge' }),
    refundCharge('charge', '1'),
    authorizeHold('h', '2'),
    setRole('u', 'owner'),
  );
  expect(sizes(ledger.organization)).toEqual([1, 1, 1]);
  expect(sizes(other)).toEqual([0, 0, 0]);
  expect(sizes(newOrganization())).toEqual([0, 0, 0]);
});

test('nor where both came out of one snapshot, which gives them the same empty maps', () => {
  const [one, other] = deserialize(serialize([newOrganization(), newOrganization()])) as [Organization, Organization];
  expect(one.members).toBe(other.members);
  evolve(one, { type: 'MemberRoleSet', data: { userId: 'u', role: 'owner', previous: null } }, START);
  expect(sizes(one)).toEqual([0, 1, 0]);
  expect(sizes(other)).toEqual([0, 0, 0]);
});
