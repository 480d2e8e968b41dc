import type { Catalogue } from '@drawdown/ledger';
import { SCOPES, SYSTEM } from '@drawdown/domain';

type Keys = Pick<Catalogue, 'apiKeys'>;

const SENDER = { actor: SYSTEM, requestId: 'start' };

/** Processes that start at once number admin keys alike and so meet at the same stream. */
const numbered = (number: number) => ({
  ...{ id: `key_admin-${String(number)}`, name: 'first admin key' },
  ...{ scopes: SCOPES, organizationId: null },
});

/**
 * Sees to it that the configured secret opens a key with every scope; it is made where it is missing, so a changed
 * configuration takes effect at the next start.
 */
export const ensureAdminKey = async ({ apiKeys }: Keys, secret: string): Promise<void> => {
  for (let number = 1; apiKeys.find(secret) === undefined; number++) {
    const made = await apiKeys.create({ ...numbered(number), secret }, SENDER);
    if (made.accepted) return;
    const { code, pointer, detail } = made.refusal;
    // Else the number is taken: by another secret, by a key that was revoked, or by a process that starts now.
    if (code !== 'already_exists' || (pointer === '/secret' && apiKeys.find(secret) === undefined)) {
      // A configured secret that was revoked must not come back by a restart.
      throw new Error(`the admin key was refused: ${detail}`);
    }
  }
};

const hasAdminKey = ({ apiKeys }: Keys): boolean =>
  apiKeys.all().some(({ organizationId, scopes }) => organizationId === null && scopes.includes('admin'));

/** A key that was generated now, to be shown once. */
export interface FirstKey {
  readonly secret: string;
  /** To be called once somebody was told. False: another process has replaced the key meanwhile, and shows its own. */
  readonly shown: () => Promise<boolean>;
}

/**
 * A generated key for an installation that has none; null where there is one. A key of which nobody was told, since the
 * process that made it ended before, is revoked and replaced: only its hash is left. Call it when nothing that can fail is
 * left to do but showing the key.
 *
 * Of processes that start at once one makes the key: whoever is second sees at its stream what the first has made.
 */
export const makeFirstKey = async ({ apiKeys }: Keys): Promise<FirstKey | null> => {
  const unshown = apiKeys.unshown();
  for (const id of unshown) await apiKeys.revokeUnshown(id, SENDER);
  // Whoever it was for may have made others with it. An installation that gave up its last admin key gets none by itself.
  const isMissing = (): boolean => !apiKeys.hasAny() || (unshown.length > 0 && !hasAdminKey({ apiKeys }));
  for (let number = 1; isMissing(); number++) {
    const made = await apiKeys.create({ ...numbered(number), shown: false }, SENDER);
    if (made.accepted) {
      const { id, secret } = made.value;
      return { secret, shown: async () => (await apiKeys.showed(id, SENDER)).accepted };
    }
    if (made.refusal.code !== 'already_exists') throw new Error(`the admin key was refused: ${made.refusal.detail}`);
  }
  return null;
};
