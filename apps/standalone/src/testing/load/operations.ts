import type { Reply } from '../api';
import { Seeded } from '../seeded';
import type { Operation } from './journal';

/** `poor` has next to nothing: there, holds and enforced usage are refused. */
export const ORGANIZATIONS = ['rich-1', 'rich-2', 'rich-3', 'poor'] as const;

const SOURCE = 'load/generator';
const EVENTS_MAX = 20;
const BASE = '/v1/organizations';

/** Credits per call, and per million tokens; the oracle's copy is in audit.ts. */
export const RATES = [
  { service_type: 'api_call', price: { type: 'flat_rate', credits_per_unit: '0.5', unit: 'calls' } },
  { service_type: 'llm_call', price: { type: 'per_token', per: '1000000', input: '300', output: '1500' } },
];

interface OpenHold {
  readonly organization: string;
  readonly id: string;
  /** In whole credits. */
  readonly amount: number;
}

interface Charge {
  readonly organization: string;
  readonly transactionId: string;
}

/** Makes up what clients do next, from what they have been told. */
export class Operations {
  private readonly holds: OpenHold[] = [];
  private readonly charges: Charge[] = [];
  private readonly sentEvents: Record<string, unknown>[] = [];

  constructor(private readonly seeded: Seeded) {}

  next(n: number): Operation {
    const turn = this.seeded.below(10);
    const hold = turn === 6 ? this.holds.shift() : undefined;
    if (hold !== undefined) return this.endOfHold(n, hold);
    const charge = turn === 7 && this.charges.length > 0 ? this.seeded.pick(this.charges) : undefined;
    if (charge !== undefined) return this.refund(n, charge);
    if (turn === 8) return this.grant(n);
    return turn === 9 || turn === 5 ? this.hold(n) : this.usage(n);
  }

  /** Remembers what an answer makes possible. */
  learn({ kind, organization, body }: Operation, reply: Reply): void {
    if (kind === 'hold' && reply.status === 201) {
      const { amount } = body as { readonly amount: string };
      this.holds.push({ organization, id: String(reply.body['id']), amount: Number(amount) });
    }
    if (kind !== 'usage' || reply.status !== 200) return;
    const results = reply.body['results'] as { readonly outcome: string; readonly transaction_id: string }[];
    (body as { readonly subject: string }[]).forEach(({ subject }, index) => {
      const result = results[index];
      if (result?.outcome === 'charged')
        this.charges.push({ organization: subject, transactionId: result.transaction_id });
    });
  }

  private usage(n: number): Operation {
    const events = Array.from({ length: 1 + this.seeded.below(EVENTS_MAX) }, (_, index) =>
      this.event(`${String(n)}-${String(index)}`),
    );
    return { n, kind: 'usage', organization: '', path: '/v1/events?wait=charged', body: events, key: null };
  }

  /** Mostly a new one; now and then one that was sent before, or its identity with another content. */
  private event(id: string): Record<string, unknown> {
    const before = this.sentEvents.length > 0 ? this.seeded.pick(this.sentEvents) : undefined;
    const turn = this.seeded.below(20);
    if (before !== undefined && turn === 0) return before;
    const organization = this.seeded.pick(ORGANIZATIONS);
    const isCall = this.seeded.below(2) === 0;
    const tokens = { input_tokens: String(this.seeded.below(8000)), output_tokens: String(this.seeded.below(800)) };
    const event = {
      specversion: '1.0',
      id,
      source: SOURCE,
      type: 'drawdown.usage.v1',
      subject: organization,
      time: new Date().toISOString(),
      data: {
        workspace_id: `ws-${String(this.seeded.below(3))}`,
        service_type: isCall ? 'api_call' : 'llm_call',
        ...(isCall ? { quantity: String(1 + this.seeded.below(9)), unit: 'calls' } : { quantities: tokens }),
        ...(organization === 'poor' ? { enforce: true } : {}),
      },
    };
    if (before !== undefined && turn === 1) return { ...event, id: before['id'], subject: before['subject'] };
    this.sentEvents.push(event);
    return event;
  }

  private grant(n: number): Operation {
    const organization = this.seeded.pick(ORGANIZATIONS);
    const amount = organization === 'poor' ? '1.25' : `${String(100 + this.seeded.below(900))}.000000001`;
    const body = { credit_type: 'purchased', amount, priority: this.seeded.below(100), reason: 'load' };
    return {
      n,
      kind: 'grant',
      organization,
      path: `${BASE}/${organization}/wallets/credits/grants`,
      body,
      key: `grant-${String(n)}`,
    };
  }

  private hold(n: number): Operation {
    const organization = this.seeded.pick(ORGANIZATIONS);
    const body = { wallet: 'credits', amount: String(1 + this.seeded.below(50)), reference: `load ${String(n)}` };
    return { n, kind: 'hold', organization, path: `${BASE}/${organization}/holds`, body, key: `hold-${String(n)}` };
  }

  private endOfHold(n: number, { organization, id, amount }: OpenHold): Operation {
    const path = `${BASE}/${organization}/holds/${id}`;
    if (this.seeded.below(3) === 0) {
      return { n, kind: 'release', organization, path: `${path}/release`, body: {}, key: `release-${String(n)}` };
    }
    const body = { amount: String(1 + this.seeded.below(amount)), final: true };
    return { n, kind: 'capture', organization, path: `${path}/capture`, body, key: `capture-${String(n)}` };
  }

  private refund(n: number, { organization, transactionId }: Charge): Operation {
    const part = this.seeded.below(2) === 0 ? {} : { amount: '0.1' };
    const body = { transaction_id: transactionId, ...part, reason: 'load' };
    return {
      n,
      kind: 'refund',
      organization,
      path: `${BASE}/${organization}/refunds`,
      body,
      key: `refund-${String(n)}`,
    };
  }
}
