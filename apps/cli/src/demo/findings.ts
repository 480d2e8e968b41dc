import { type Static, Type } from '@sinclair/typebox';
import { shapeOf } from '../api/client';
import { CUSTOMERS } from './company';
import type { Charge } from './feed';
import type { PatientClient } from './patient-client';
import type { Stage } from './stage';

const Instant = Type.Union([Type.String(), Type.Null()]);

const Wallet = Type.Object({
  balance: Type.Object({ settled: Type.String(), available: Type.String(), debt: Type.String() }),
  status: Type.String(),
  remaining_percent: Type.String(),
  bar: Type.String(),
  lifetime_added: Type.String(),
  lifetime_spent: Type.String(),
});
const Breakdown = Type.Object({
  data: Type.Array(
    Type.Object({
      key: Type.Union([Type.String(), Type.Null()]),
      credits: Type.String(),
      transactions: Type.Integer(),
      share_percent: Type.String(),
    }),
  ),
  total: Type.String(),
});
const BurnRate = Type.Object({
  credits_per_day: Type.String(),
  projected_depletion_at: Instant,
  low: Instant,
  high: Instant,
  confidence: Type.String(),
});
const Lots = Type.Object({
  data: Type.Array(Type.Object({ id: Type.String(), credit_type: Type.String(), expires_at: Instant })),
});
const Explanation = Type.Object({
  transaction: Type.Object({
    id: Type.String(),
    balance_before: Type.String(),
    balance_after: Type.String(),
    slices: Type.Array(Type.Object({ lot_id: Type.String(), amount: Type.String() })),
  }),
  rate: Type.Object({ card: Type.String(), version: Type.Integer(), index: Type.Integer() }),
});
const Preview = Type.Object({
  credits: Type.String(),
  lines: Type.Array(
    Type.Object({ rate: Type.String(), quantity: Type.String(), unit_price: Type.String(), amount: Type.String() }),
  ),
});

const shapes = {
  wallet: shapeOf(Wallet),
  breakdown: shapeOf(Breakdown),
  burnRate: shapeOf(BurnRate),
  lots: shapeOf(Lots),
  explanation: shapeOf(Explanation),
  preview: shapeOf(Preview),
};

export interface CustomerFindings {
  readonly organization: string;
  readonly wallet: Static<typeof Wallet>;
  readonly workspaces: Static<typeof Breakdown>;
  readonly burnRate: Static<typeof BurnRate>;
}

/** A charge with everything that led to it. */
export interface ExplainedCharge {
  readonly organization: string;
  readonly event: Charge['event'];
  readonly credits: string;
  readonly transaction: Static<typeof Explanation>['transaction'];
  readonly rate: Static<typeof Explanation>['rate'];
  readonly lines: Static<typeof Preview>['lines'];
  readonly lots: readonly {
    readonly credit_type: string;
    readonly expires_at: string | null;
    readonly amount: string;
  }[];
}

const pathOf = (organization: string): string => `/v1/organizations/${organization}`;

/** What the server shows of each customer once its read models have reached `after`. */
export const findCustomers = async (
  client: PatientClient,
  stage: Stage,
  after: string | null,
): Promise<CustomerFindings[]> => {
  const since = after === null ? '' : `&after=${encodeURIComponent(after)}`;
  const findings: CustomerFindings[] = [];
  for (const { id } of CUSTOMERS) {
    const organization = stage.organization(id);
    const path = pathOf(organization);
    findings.push({
      organization,
      wallet: await client.get(`${path}/wallets/credits?${since.slice(1)}`, shapes.wallet),
      workspaces: await client.get(`${path}/breakdown?by=workspace${since}`, shapes.breakdown),
      burnRate: await client.get(`${path}/burn-rate?wallet=credits${since}`, shapes.burnRate),
    });
  }
  return findings;
};

export const explainCharge = async (
  client: PatientClient,
  stage: Stage,
  { event, transactionId, credits }: Charge,
): Promise<ExplainedCharge> => {
  const organization = stage.organization(event.customer);
  const path = pathOf(organization);
  const explained = await client.get(`${path}/transactions/${transactionId}/explanation`, shapes.explanation);
  const { transaction, rate } = explained;
  const body = { version: rate.version, usage: event.data };
  const preview = await client.send('POST', `/v1/rate-cards/${rate.card}/preview`, shapes.preview, body);
  const { data: lots } = await client.get(`${path}/wallets/credits/lots?limit=500`, shapes.lots);
  return {
    organization,
    event,
    credits,
    transaction,
    rate,
    lines: preview.lines.filter(({ quantity }) => quantity !== '0'),
    lots: transaction.slices.map(({ lot_id: id, amount }) => {
      const lot = lots.find((candidate) => candidate.id === id);
      return { credit_type: lot?.credit_type ?? id, expires_at: lot?.expires_at ?? null, amount };
    }),
  };
};
