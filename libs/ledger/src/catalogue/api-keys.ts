import {
  type ApiKeyEvent,
  type ApiKeyRecord,
  type ApiScope,
  createApiKey,
  evolveApiKey,
  keyRefusal,
  type Refusal,
  revokeApiKey,
  revokeUnshownApiKey,
  showApiKey,
} from '@drawdown/domain';
import { derivedId, refuse } from '@drawdown/kernel';
import type { Clock } from '@drawdown/ports';
import { hash, randomBytes, randomUUID } from 'node:crypto';
import type { Idempotency, Sender } from '../ledger';
import type { CatalogueProgress } from './catalogue-progress';
import { CatalogueStreams, type StreamPorts, type Written } from './catalogue-streams';
import type { CatalogueResult, RepeatableResult } from './results';

export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly ApiScope[];
  /** Null for keys of the whole installation. */
  readonly organizationId: string | null;
}

/** What a key is made from; secret and id are given only for the first key of an installation. */
export interface NewApiKey {
  readonly name: string;
  readonly scopes: readonly ApiScope[];
  readonly organizationId: string | null;
  readonly secret?: string;
  readonly id?: string;
  /** Where nobody is told before {@link ApiKeys.showed}. */
  readonly shown?: boolean;
}

export interface MadeApiKey extends ApiKey {
  /** Null where the key was made by an earlier request under the same Idempotency-Key: it is kept nowhere. */
  readonly secret: string | null;
}

/** Only keys that work are answered, without their secret, which is kept nowhere. */
export interface ApiKeys {
  all(): readonly ApiKey[];
  /** The key with this secret. */
  find(secret: string): ApiKey | undefined;
  /** The key as the store has it: another process may have made or revoked it just now. */
  latest(id: string): Promise<ApiKey | undefined>;
  hasAny(): boolean;
  /** Ids of those that nobody was told of. */
  unshown(): readonly string[];
  /**
   * Makes a key; its secret is answered here and never again. Under an `id` that is given it is made once, however many
   * processes try. Refused with the pointer `/secret` where there is, or was, a key with that secret.
   */
  create(key: NewApiKey, sender: Sender): Promise<CatalogueResult<ApiKey & { readonly secret: string }>>;
  create(key: NewApiKey, sender: Sender, idempotency: Idempotency | null): Promise<RepeatableResult<MadeApiKey>>;
  revoke(id: string, sender: Sender): Promise<CatalogueResult<null>>;
  /** The same, where nobody was told of the key by then. */
  revokeUnshown(id: string, sender: Sender): Promise<CatalogueResult<null>>;
  /** Somebody was told the key's secret. Refused where it was revoked meanwhile. */
  showed(id: string, sender: Sender): Promise<CatalogueResult<null>>;
}

/** Bytes of a generated secret: beyond guessing. */
const SECRET_BYTES = 32;

const hashOf = (secret: string): string => hash('sha256', secret);

/** A key without what proves its secret. */
const shownKey = ({ id, name, scopes, organizationId }: ApiKeyRecord): ApiKey => ({
  id,
  name,
  scopes,
  organizationId,
});

/** Keys are found by the hash of their secret. */
export class LocalApiKeys implements ApiKeys {
  readonly streams: CatalogueStreams<ApiKeyRecord, ApiKeyEvent>;
  /** Ids of the keys that work, by the hash of their secret. */
  private readonly bySecret = new Map<string, string>();

  constructor(
    ports: StreamPorts,
    private readonly clock: Clock,
    private readonly progress: CatalogueProgress,
  ) {
    this.streams = new CatalogueStreams(
      { prefix: 'api-key-', types: ['ApiKeyCreated', 'ApiKeyShown', 'ApiKeyRevoked'], evolve: evolveApiKey },
      ports,
      (_, key) => {
        if (key.revoked) this.bySecret.delete(key.secretHash);
        else this.bySecret.set(key.secretHash, key.id);
      },
    );
  }

  all(): readonly ApiKey[] {
    return this.streams
      .all()
      .filter((key) => !key.revoked)
      .map(shownKey);
  }

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

  async latest(id: string): Promise<ApiKey | undefined> {
    await this.progress.reread(this.streams, id);
    return this.all().find((key) => key.id === id);
  }

  hasAny(): boolean {
    return this.bySecret.size > 0;
  }

  async create(key: NewApiKey, sender: Sender): Promise<CatalogueResult<ApiKey & { readonly secret: string }>>;
  async create(key: NewApiKey, sender: Sender, idempotency: Idempotency | null): Promise<RepeatableResult<MadeApiKey>>;
  async create(
    key: NewApiKey,
    sender: Sender,
    idempotency: Idempotency | null = null,
  ): Promise<RepeatableResult<MadeApiKey> | CatalogueResult<ApiKey & { readonly secret: string }>> {
    const { written, secret } = await this.make(key, sender, idempotency);
    const isReplay = written.accepted && written.replayed;
    return this.progress.answered(written, (made) => ({ ...shownKey(made), secret: isReplay ? null : secret }));
  }

  revoke(id: string, sender: Sender): Promise<CatalogueResult<null>> {
    return this.change(id, revokeApiKey, sender);
  }

  revokeUnshown(id: string, sender: Sender): Promise<CatalogueResult<null>> {
    return this.change(id, revokeUnshownApiKey, sender);
  }

  showed(id: string, sender: Sender): Promise<CatalogueResult<null>> {
    return this.change(id, showApiKey, sender);
  }

  private async change(id: string, decide: typeof revokeApiKey, sender: Sender): Promise<CatalogueResult<null>> {
    const written = await this.streams.write(id, decide, sender, this.clock.now());
    return this.progress.plain(written, () => null);
  }

  /**
   * Makes a key, under an Idempotency-Key once: its id follows from that, so that processes which are asked at once meet
   * on its stream. The secret is that of the key where it was made now.
   */
  private async make(
    { name, scopes, organizationId, secret: given, id: givenId, shown = true }: NewApiKey,
    sender: Sender,
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
    const written = await this.streams.write(id, decide, sender, this.clock.now(), idempotency);
    return { written, secret };
  }
}
