import type { ApiScope, Role } from '@drawdown/domain';
import type { BodyKind } from '../body/media-type';

/** Who may call a route, and what it reads. */
export interface RouteRights {
  /** A key needs one of these scopes. Empty: only people, or a key with `admin` that acts for one. */
  readonly scopes: readonly ApiScope[];
  /**
   * A person (behind `Drawdown-User`) needs one of these roles in the organization of the path. `member` means: own
   * usage only, which the controller sees to. Empty: no person, whatever the role.
   */
  readonly roles: readonly Role[];
  /** Of routes without an organization in their path: whether a key that is bound to one may call them. */
  readonly bound: boolean;
  /** Absent: the route reads no body. */
  readonly body?: BodyKind;
  /** Bytes of its body at most, white space between values not counted, where they are fewer than of every body. */
  readonly bodyBytesMax?: number;
  /** True where the route takes query parameters; elsewhere any is unknown. */
  readonly query?: true;
  /**
   * True where the answer comes from the ledger's memory and so finds out by itself that there is no such organization:
   * the gate need not look first.
   */
  readonly resident?: true;
  /** Whether repeating the request is recognised by its Idempotency-Key, and whether that is a must. */
  readonly idempotency?: 'required' | 'accepted';
}

/**
 * Of a rate card's version, which is one event: with what stands around it, it has to fit into one append. A thousand
 * rates of 500 bytes; indented, such a body is half as long again.
 */
const VERSION_BYTES_MAX = 512 * 1024;

const MANAGERS: readonly Role[] = ['owner', 'admin'];
const EVERYONE: readonly Role[] = ['owner', 'admin', 'member'];

const read = (roles: readonly Role[] = MANAGERS): RouteRights => ({
  scopes: ['read'],
  roles,
  bound: true,
  query: true,
});
const resident: RouteRights = { ...read(), resident: true };
/** Of people, whatever their roles: their own usage, wherever they are members. */
const own: RouteRights = { scopes: [], roles: EVERYONE, bound: true, query: true };
const write = (rights: Partial<RouteRights> & Pick<RouteRights, 'scopes'>): RouteRights => ({
  roles: [],
  bound: true,
  body: 'json',
  idempotency: 'accepted',
  ...rights,
});
/** Credits move: only repeatable under a key, and never by the people who would gain from it. */
const credit = (rights: Partial<RouteRights> = {}): RouteRights =>
  write({ scopes: ['credits:write'], idempotency: 'required', ...rights });
/** Holds are made by whoever reports usage, too. */
const hold = (rights: Partial<RouteRights> = {}): RouteRights =>
  write({ scopes: ['usage:write', 'credits:write'], roles: MANAGERS, ...rights });
/** For the whole installation. */
const operate = (rights: Partial<RouteRights> = {}): RouteRights =>
  write({ scopes: ['admin'], bound: false, ...rights });

const ORG = '/v1/organizations/:org';

/**
 * The table of rights (INV-TEN-3). A route that is not in it does not start. `public` routes tell nothing about
 * anyone.
 */
export const ROUTES: Readonly<Record<string, RouteRights | 'public'>> = {
  'GET /livez': 'public',
  'GET /readyz': 'public',
  'GET /metrics': 'public',
  'GET /v1/openapi.json': 'public',

  'POST /v1/test-clocks': operate(),
  'GET /v1/test-clocks/:clock': { scopes: ['admin', 'read'], roles: [], bound: false, query: true },
  'POST /v1/test-clocks/:clock/advance': operate(),

  'GET /v1/presets': { scopes: ['read', 'admin'], roles: EVERYONE, bound: true, query: true },
  'GET /v1/presets/:preset': { scopes: ['read', 'admin'], roles: EVERYONE, bound: true, query: true },

  'POST /v1/organizations': operate(),
  [`GET ${ORG}`]: resident,
  [`POST ${ORG}/close`]: write({ scopes: ['admin'], roles: ['owner'] }),
  [`GET ${ORG}/members`]: resident,
  [`PUT ${ORG}/members/:user`]: write({ scopes: ['admin'], roles: MANAGERS }),
  [`DELETE ${ORG}/members/:user`]: { scopes: ['admin'], roles: MANAGERS, bound: true, idempotency: 'accepted' },
  [`PUT ${ORG}/rate-card`]: write({ scopes: ['admin'] }),
  [`GET ${ORG}/wallets`]: resident,
  [`GET ${ORG}/wallets/:wallet`]: resident,
  [`PATCH ${ORG}/wallets/:wallet`]: write({ scopes: ['admin'] }),
  [`GET ${ORG}/wallets/:wallet/policy`]: resident,
  [`GET ${ORG}/wallets/:wallet/lots`]: resident,
  [`POST ${ORG}/wallets/:wallet/grants`]: credit(),
  [`POST ${ORG}/wallets/:wallet/adjustments`]: credit(),
  [`POST ${ORG}/lots/:lot/void`]: credit(),
  [`GET ${ORG}/balance`]: resident,

  [`POST ${ORG}/check`]: { scopes: ['usage:write', 'read'], roles: MANAGERS, bound: true, body: 'json', query: true },
  [`GET ${ORG}/holds`]: read(),
  [`POST ${ORG}/holds`]: hold({ idempotency: 'required' }),
  [`GET ${ORG}/holds/:hold`]: resident,
  [`POST ${ORG}/holds/:hold/extend`]: hold(),
  [`POST ${ORG}/holds/:hold/capture`]: hold({ idempotency: 'required' }),
  [`POST ${ORG}/holds/:hold/release`]: hold({ body: 'optional' }),
  [`POST ${ORG}/refunds`]: credit(),

  [`GET ${ORG}/transactions`]: read(EVERYONE),
  [`GET ${ORG}/transactions/:transaction`]: read(EVERYONE),
  [`GET ${ORG}/transactions/:transaction/tree`]: read(),
  [`GET ${ORG}/transactions/:transaction/explanation`]: read(EVERYONE),
  [`GET ${ORG}/breakdown`]: read(EVERYONE),
  [`GET ${ORG}/spending`]: read(EVERYONE),
  [`GET ${ORG}/burn-rate`]: read(),
  [`GET ${ORG}/burndown`]: read(),

  'GET /v1/me/usage': own,
  'GET /v1/me/usage/trend': own,
  'GET /v1/me/usage/organizations': own,
  'GET /v1/me/usage/services': own,
  'GET /v1/me/transactions': own,

  'POST /v1/events': { scopes: ['usage:write'], roles: [], bound: true, body: 'events', query: true },
  'GET /v1/quarantine': read([]),
  'POST /v1/quarantine/redrive': write({ scopes: ['usage:write', 'admin'], body: 'optional' }),

  'GET /v1/rate-cards': read([]),
  'POST /v1/rate-cards': write({ scopes: ['admin'] }),
  'GET /v1/rate-cards/:card': read([]),
  'POST /v1/rate-cards/:card/versions': write({ scopes: ['admin'], bodyBytesMax: VERSION_BYTES_MAX }),
  'GET /v1/rate-cards/:card/versions/:version': read([]),
  'POST /v1/rate-cards/:card/versions/:version/activate': write({ scopes: ['admin'], body: 'optional' }),
  'POST /v1/rate-cards/:card/preview': {
    scopes: ['read', 'admin'],
    roles: [],
    bound: true,
    body: 'json',
    query: true,
  },

  'GET /v1/api-keys': { scopes: ['admin'], roles: [], bound: true, query: true },
  'POST /v1/api-keys': write({ scopes: ['admin'] }),
  'DELETE /v1/api-keys/:key': { scopes: ['admin'], roles: [], bound: true },
};
