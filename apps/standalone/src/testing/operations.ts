/** The routes of the API, from the document that it publishes, and what each is sent where only something else is wrong. */
export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly name: string;
  readonly needsBody: boolean;
}

export const operationsOf = async ({ url }: { readonly url: string }): Promise<readonly Operation[]> => {
  const document = (await (await fetch(`${url}/v1/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { operationId: string; requestBody?: unknown }>>;
  };
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { operationId, requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      name: operationId,
      needsBody: requestBody !== undefined,
    })),
  );
};

/** Bodies that would be accepted, so that nothing but the caller or the id is to blame. */
export const BODIES: Readonly<Record<string, unknown>> = {
  testClocksCreate: { now: '2026-05-01T00:00:00Z' },
  testClocksAdvance: { to: '2026-05-01T00:00:00Z' },
  organizationsCreate: { id: 'matrix', name: 'x', preset: 'enterprise' },
  organizationsClose: { reason: 'x' },
  organizationsSetRole: { role: 'member' },
  organizationsAssignCard: { key: 'world-card' },
  creditsChangePolicy: { low_balance_threshold: '1' },
  creditsGrant: { credit_type: 'purchased', amount: '1', reason: 'x' },
  creditsAdjust: { amount: '1', reason: 'x' },
  creditsVoid: { reason: 'x' },
  creditsRefund: { transaction_id: '{txn}', reason: 'x' },
  holdsCheck: { service_type: 'compute' },
  holdsAuthorize: { wallet: 'credits', amount: '1' },
  holdsExtend: { expires_at: '2026-05-02T00:00:00Z' },
  holdsCapture: { amount: '1' },
  holdsRelease: {},
  usageCharge: [],
  usageRedrive: {},
  rateCardsCreate: { key: 'matrix', name: 'x', unit: 'credit' },
  rateCardsSave: { rates: [{ service_type: 'x', price: { type: 'flat_rate', credits_per_unit: '1', unit: 'u' } }] },
  rateCardsActivate: {},
  rateCardsPreview: { usage: { service_type: 'compute', quantity: '1', unit: 'hours' } },
  keysCreate: { name: 'x', scopes: ['read'] },
};
/** Query parameters that a route cannot do without. */
export const QUERIES: Readonly<Record<string, string>> = {
  readsBreakdown: '?by=user',
  readsBurnRate: '?wallet=credits',
  readsBurndown: '?wallet=credits',
};
