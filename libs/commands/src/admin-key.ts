import { randomBytes } from 'node:crypto';
import type { Catalogue } from '@drawdown/ledger';
import { SCOPES, SYSTEM } from '@drawdown/domain';

/** Bytes of a generated secret: more than anyone guesses. */
const SECRET_BYTES = 24;

/**
 * Sees to it that someone can get in. With a configured secret: a key with every scope that has it (made where it is
 * missing, so a changed configuration takes effect at the next start). Without one: a generated key, only where the
 * installation has no key at all. Answers the secret exactly where it was generated now, to be shown once.
 */
export const ensureAdminKey = async (
  catalogue: Pick<Catalogue, 'findApiKey' | 'hasApiKeys' | 'createApiKey'>,
  configured: string | undefined,
): Promise<string | null> => {
  if (configured === undefined ? catalogue.hasApiKeys() : catalogue.findApiKey(configured) !== undefined) return null;
  const secret = configured ?? `dk_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  const made = await catalogue.createApiKey(
    { name: 'first admin key', scopes: SCOPES, organizationId: null, secret },
    { actor: SYSTEM, requestId: 'start' },
  );
  // Refused where the configured secret was revoked: it must not come back by a restart.
  if (!made.accepted) throw new Error(`the admin key was refused: ${made.refusal.detail}`);
  return configured === undefined ? secret : null;
};
