import {
  type ApiKeyEvent,
  type ApiKeyRecord,
  createApiKey,
  evolveApiKey,
  keyRefusal,
  type Refusal,
} from '@drawdown/domain';
import { derivedId, type Instant, refuse } from '@drawdown/kernel';
import type { EventStore } from '@drawdown/ports';
import { hash, randomBytes, randomUUID } from 'node:crypto';
import type { ApiKey, NewApiKey } from './catalogue';
import { CatalogueStreams, type Written } from './catalogue-streams';
import type { Idempotency, Sender } from '../ledger';
import type { RememberedWrites } from './remembered-writes';
import type { Sleep } from '../sleep';

/** Bytes of a generated secret: beyond guessing. */
const SECRET_BYTES = 32;

const hashOf = (secret: string): string => hash('sha256', secret);

/** A key without what proves its secret. */
export const shownKey = ({ id, name, scopes, organizationId }: ApiKeyRecord): ApiKey => ({
  id,
  name,
  scopes,
  organizationId,
});

/** The API keys of a catalogue, found by the hash of their secret; the secret itself is kept nowhere. */
export class ApiKeys {
  readonly streams: CatalogueStreams<ApiKeyRecord, ApiKeyEvent>;
  /** Ids of the keys that work, by the hash of their secret. */
  private readonly bySecret = new Map<string, string>();

  constructor(store: EventStore, sleep: Sleep, remembered: RememberedWrites) {
    this.streams = new CatalogueStreams(
      { prefix: 'api-key-', types: ['ApiKeyCreated', 'ApiKeyShown', 'ApiKeyRevoked'], evolve: evolveApiKey },
      store,
      sleep,
      remembered,
      (_, key) => {
        if (key.revoked) this.bySecret.delete(key.secretHash);
        else this.bySecret.set(key.secretHash, key.id);
      },
    );
  }

  get any(): boolean {
    return this.bySecret.size > 0;
  }

  /** Those that work. */
  all(): readonly ApiKey[] {
    return this.streams
      .all()
      .filter((key) => !key.revoked)
      .map(shownKey);
  }

  /** Ids of those that work and that nobody was told of. */
  unshown(): readonly string[] {
    return this.streams
      .all()
      .filter((key) => !key.shown && !key.revoked)
      .map(({ id }) => id);
  }

  find(secret: string): ApiKey | undefined {
    // Looked up by its hash, of which nobody can choose the beginning: the time it takes tells nothing of any secret.
    const id = this.bySecret.get(hashOf(secret));
    const key = id === undefined ? undefined : this.streams.get(id);
    return key === undefined || key.revoked ? undefined : key;
  }

  /**
   * Makes a key, under an Idempotency-Key once: its id follows from that, so that processes which are asked at once meet
   * on its stream. The secret is that of the key where it was made now.
   */
  async create(
    { name, scopes, organizationId, secret: given, id: givenId, shown = true }: NewApiKey,
    sender: Sender,
    bookedAt: Instant,
    idempotency: Idempotency | null,
  ): Promise<{ readonly written: Written<ApiKeyRecord>; readonly secret: string }> {
    const secret = given ?? `ddk_${randomBytes(SECRET_BYTES).toString('base64url')}`;
    const id =
      givenId ?? (idempotency === null ? `key_${randomUUID()}` : derivedId('key', sender.actor.id, idempotency.key));
    const record = { id, name, scopes, organizationId, secretHash: hashOf(secret), shown };
    const known = this.streams.all().find(({ secretHash }) => secretHash === record.secretHash);
    if (known !== undefined) {
      // A secret that was revoked must not come back with the next start.
      const detail = `a key with this secret ${known.revoked ? 'was revoked' : 'exists already'}; choose another secret`;
      const refusal: Refusal = { code: 'already_exists', pointer: '/secret', detail };
      return { written: { accepted: false, refusal }, secret };
    }
    const decide = (key: ApiKeyRecord | undefined) => {
      const full = key === undefined ? keyRefusal(organizationId, this.streams.all()) : null;
      return full === null ? createApiKey(key, record) : refuse(full);
    };
    const written = await this.streams.write(id, decide, sender, bookedAt, idempotency);
    return { written, secret };
  }
}
