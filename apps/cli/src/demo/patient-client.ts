import { randomUUID } from 'node:crypto';
import type { Static, TSchema } from '@sinclair/typebox';
import type { ApiClient, Request, Shape } from '../api/client';
import { retrying } from '../api/retry';

const RETRY_FOR_MS = 60_000;

/** The API for a demo: a server that is busy, or whose read models are behind, is asked again; with a key, so that nothing is done twice. */
export class PatientClient {
  constructor(
    private readonly client: ApiClient,
    private readonly signal: AbortSignal,
  ) {}

  get url(): string {
    return this.client.url;
  }

  get<T extends TSchema>(path: string, shape: Shape<T>): Promise<Static<T>> {
    return this.ask(path, shape, { method: 'GET' });
  }

  send<T extends TSchema>(
    method: 'POST' | 'PUT' | 'PATCH',
    path: string,
    shape: Shape<T>,
    body: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Static<T>> {
    return this.ask(path, shape, { method, body, headers: { 'idempotency-key': randomUUID(), ...headers } });
  }

  private ask<T extends TSchema>(path: string, shape: Shape<T>, request: Request): Promise<Static<T>> {
    const { client, signal } = this;
    return retrying(() => client.ask(path, shape, { ...request, signal }), RETRY_FOR_MS, signal);
  }
}
