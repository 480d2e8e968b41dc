import { randomBytes } from 'node:crypto';
import type { Catalogue } from '@drawdown/ledger';
import { SCOPES, SYSTEM } from '@drawdown/domain';

/** Bytes of a generated secret: more than anyone guesses. */
const SECRET_BYTES = 24;

type Keys = Pick<Catalogue, 'findApiKey' | 'hasApiKeys' | 'createApiKey'>;

/**
 * Sees to it that someone can get in. With a configured secret: a key with every scope that has it (made where it is
 * missing, so a changed configuration takes effect at the next start). Without one: a generated key, only where the
 * installation has no key at all. Answers the secret exactly where it was generated now, to be shown once.
 *
 * Of processes that start at once one makes the key: they number admin keys alike and so meet at the same stream, where
 * whoever is second sees what the first has made.
 */
export const ensureAdminKey = async (catalogue: Keys, configured: string | undefined): Promise<string | null> => {
  const secret = configured ?? `dk_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  for (let number = 1; !isThere(catalogue, configured); number++) {
    const made = await catalogue.createApiKey(
      { id: `key_admin-${String(number)}`, name: 'first admin key', scopes: SCOPES, organizationId: null, secret },
      { actor: SYSTEM, requestId: 'start' },
    );
    if (made.accepted) return configured === undefined ? secret : null;
    const { code, pointer, detail } = made.refusal;
    // Else the number is taken: by another secret, by a key that was revoked, or by a process that starts now.
    if (code !== 'already_exists' || (pointer === '/secret' && !isThere(catalogue, configured))) {
      // A configured secret that was revoked must not come back by a restart.
      throw new Error(`the admin key was refused: ${detail}`);
    }
  }
  return null;
};

const isThere = (catalogue: Keys, configured: string | undefined): boolean =>
  configured === undefined ? catalogue.hasApiKeys() : catalogue.findApiKey(configured) !== undefined;
