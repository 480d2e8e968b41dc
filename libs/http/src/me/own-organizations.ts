import { ReadOrganization } from '@drawdown/commands';
import type { Role } from '@drawdown/domain';
import type { Instant, Position } from '@drawdown/kernel';
import { type PersonReading, type ReadAsOf, ReadModels } from '@drawdown/projections';
import { Inject, Injectable } from '@nestjs/common';
import { QueryBus } from '@nestjs/cqrs';
import type { FastifyRequest } from 'fastify';
import { callerOf } from '../access/caller';
import { Problem } from '../problems/problem';
import { bothOf } from '../reads/reading';

/** Organizations of one person that one answer is added up over; each is asked by itself. */
const ORGANIZATIONS_MAX = 1_000;

/** Whose usage is shown, and over which organizations. */
export interface Own {
  readonly userId: string;
  readonly readings: readonly PersonReading[];
  /** The organizations whose balances are not for the person, who is but a member there. */
  readonly asMember: ReadonlySet<string>;
  /** What they cover without being asked: where there are none, that is the answer's. */
  readonly asOf: ReadAsOf;
}

/**
 * The organizations that a person is a member of now. The read model names them, the ledger's memory has the last word:
 * whoever was removed sees nothing any more, at once (INV-TEN-5). A key that is bound to one shows that one.
 */
@Injectable()
export class OwnOrganizations {
  constructor(
    @Inject(ReadModels) private readonly models: ReadModels,
    private readonly queries: QueryBus,
  ) {}

  /** `now`: by the machine's clock, by which every organization lives that is on no test clock. */
  async of(request: FastifyRequest, now: Instant, after: Position | null): Promise<Own> {
    const { person: userId, key } = callerOf(request);
    if (userId === null) throw new Error('a route of people let in a key alone');
    const { value, asOf } = await this.models.memberships({ userId, now, after });
    const bound = key?.organizationId ?? null;
    const ids = value.map(({ organization_id: id }) => id).filter((id) => bound === null || id === bound);
    if (ids.length > ORGANIZATIONS_MAX) {
      throw new Problem('range_too_large', `at most ${String(ORGANIZATIONS_MAX)} organizations are added up`);
    }
    const readings = await Promise.all(ids.map((id) => this.reading(id, userId, now, after)));
    const own = readings.flatMap((reading) => reading ?? []);
    const asMember = own.flatMap(({ role, organizationId }) => (role === 'member' ? [organizationId] : []));
    return { userId, readings: own, asMember: new Set(asMember), asOf };
  }

  private async reading(
    organizationId: string,
    userId: string,
    machineNow: Instant,
    after: Position | null,
  ): Promise<(PersonReading & { readonly role: Role }) | undefined> {
    const view = new ReadOrganization(organizationId, null, (organization, now) => ({
      now,
      role: organization.members.get(userId),
      onTestClock: organization.testClock !== null,
      units: new Map(organization.wallets.map(({ key, unit }) => [key, unit])),
    }));
    const shown = await this.queries.execute(view);
    if (shown?.value.role === undefined) return undefined;
    const { now, onTestClock, units, role } = shown.value;
    // Whoever moves a test clock looks at once at what that led to.
    const seen = bothOf(after, onTestClock ? shown.asOf.position : null);
    return { organizationId, now: onTestClock ? now : machineNow, after: seen, onTestClock, units, role };
  }
}
