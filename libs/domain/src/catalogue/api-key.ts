import { accept, type Decision, refuse } from '@drawdown/kernel';
import type { ApiScope, CatalogueEvent } from '../events';
import type { Refusal } from '../wallet/commands';

/** A key as the log knows it: what it may do, and the hash of its secret. */
export interface ApiKeyRecord {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly ApiScope[];
  /** Null for keys of the whole installation. */
  readonly organizationId: string | null;
  readonly secretHash: string;
  /** False where it was generated and nobody has been told its secret yet. */
  readonly shown: boolean;
  readonly revoked: boolean;
}
export type ApiKeyEvent = Extract<CatalogueEvent, { type: 'ApiKeyCreated' | 'ApiKeyShown' | 'ApiKeyRevoked' }>;

export const createApiKey = (
  existing: ApiKeyRecord | undefined,
  key: Omit<ApiKeyRecord, 'revoked'>,
): Decision<ApiKeyEvent, Refusal> =>
  existing === undefined
    ? accept({ type: 'ApiKeyCreated', data: key })
    : refuse({ code: 'already_exists', detail: `there is a key ${key.id} already` });

export const revokeApiKey = (existing: ApiKeyRecord | undefined): Decision<ApiKeyEvent, Refusal> => {
  if (existing === undefined) return refuse({ code: 'not_found', detail: 'there is no such key' });
  return existing.revoked ? accept() : accept({ type: 'ApiKeyRevoked', data: { id: existing.id } });
};

/** Revokes a key only where nobody was told of it: who was told meanwhile keeps it. */
export const revokeUnshownApiKey = (existing: ApiKeyRecord | undefined): Decision<ApiKeyEvent, Refusal> =>
  existing?.shown === true ? accept() : revokeApiKey(existing);

/** Refused where it was revoked before anybody was told. */
export const showApiKey = (existing: ApiKeyRecord | undefined): Decision<ApiKeyEvent, Refusal> => {
  if (existing === undefined || existing.revoked) return refuse({ code: 'not_found', detail: 'there is no such key' });
  return existing.shown ? accept() : accept({ type: 'ApiKeyShown', data: { id: existing.id } });
};

export const evolveApiKey = (existing: ApiKeyRecord | undefined, event: ApiKeyEvent): ApiKeyRecord => {
  if (event.type === 'ApiKeyCreated') return { ...event.data, revoked: false };
  if (existing === undefined)
    throw new Error(`key ${event.data.id} was ${event.type === 'ApiKeyShown' ? 'shown' : 'revoked'} but never made`);
  return event.type === 'ApiKeyShown' ? { ...existing, shown: true } : { ...existing, revoked: true };
};
