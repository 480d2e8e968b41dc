import type { LedgerEvent, UsageEvent } from '@drawdown/domain/events';
import {
  adjustBalance,
  afterwards,
  authorizeHold,
  captureHold,
  changePolicy,
  closeOrganization,
  extendHold,
  granted,
  instant,
  later,
  measured,
  policy,
  preset,
  refundCharge,
  releaseHold,
  setRole,
  START,
  type Step,
  TestLedger,
  UNITS,
  usage,
  voidGrant,
  wallet,
} from '@drawdown/domain/testing';
import { chargeId, type Instant, organizationNamespace } from '@drawdown/kernel';
import * as fc from 'fast-check';
import type { Draft } from './test-log';

const KINDS = [
  ...['grant', 'grant', 'grant', 'grant', 'use', 'use', 'use', 'use', 'use', 'use', 'use', 'use', 'hold', 'hold'],
  ...['capture', 'capture', 'extend', 'release', 'refund', 'refund', 'void', 'adjust', 'policy', 'time', 'time'],
  ...['role', 'quarantine', 'redrive', 'refuse', 'close'],
] as const;

/** Something that happens to an organization; `a` and `b` choose amounts, ages, and what it happens to. */
export interface Happening {
  readonly kind: (typeof KINDS)[number];
  readonly who: number;
  readonly a: number;
  readonly b: number;
}

const happening: fc.Arbitrary<Happening> = fc.record({
  kind: fc.constantFrom(...KINDS),
  who: fc.nat(2),
  a: fc.nat(2_000),
  b: fc.nat(200),
});

/** Histories of some organizations, of any length up to `most`. */
export const happenings = (most = 120): fc.Arbitrary<readonly Happening[]> =>
  fc.array(happening, { maxLength: most, size: 'max' });

const MODELS = [null, 'big', 'small-lite'];

/** Some organizations that live by the domain's rules, and everything that was booked, in order. */
export class TestWorld {
  readonly drafts: Draft[] = [];
  readonly ledgers: readonly TestLedger[];
  now: Instant = START;
  private readonly taken: number[];
  private readonly usages: UsageEvent[][];
  private readonly quarantined: UsageEvent[][];
  private readonly holds: number[];
  private readonly lots: number[];

  constructor(organizations = 3) {
    const wallets = [
      wallet({ policy: policy({ lowBalanceThreshold: measured('20') as never }), serviceTypes: ['llm_call', 'email'] }),
      wallet({
        key: 'machines',
        serviceTypes: ['*'],
        policy: policy({ onShortfall: 'write_off', onClose: 'forfeit' }),
      }),
    ];
    this.ledgers = Array.from(
      { length: organizations },
      (_, n) => new TestLedger({ id: `org_${String(n)}`, preset: preset({ wallets }), now: this.now }),
    );
    const each = <T>(value: () => T): T[] => this.ledgers.map(value);
    this.taken = each(() => 0);
    this.usages = each(() => []);
    this.quarantined = each(() => []);
    this.holds = each(() => 0);
    this.lots = each(() => 0);
    for (const who of this.ledgers.keys()) this.take(who);
  }

  /** What a history led to, from the beginning. */
  static of(history: readonly Happening[], organizations = 3): TestWorld {
    const world = new TestWorld(organizations);
    for (const one of history) world.happen(one);
    return world;
  }

  happen({ kind, who, a, b }: Happening): void {
    const ledger = this.ledgers[who];
    if (ledger === undefined) return;
    ledger.advance(this.now);
    this.take(who);
    if (kind === 'time') this.now = later(this.now, { minutes: a, micros: b });
    else this.step(kind, who, a, b)?.(ledger);
    this.take(who);
  }

  /** Keeps what the ledger has booked since the last time. */
  private take(who: number): void {
    const ledger = this.ledgers[who];
    for (const fact of ledger?.log.slice(this.taken[who]) ?? []) {
      if (fact.kind === 'charge') this.drafts.push({ charge: fact.charge, at: fact.at });
      else this.note(who, fact.event, fact.at);
    }
    this.taken[who] = ledger?.log.length ?? 0;
  }

  private note(who: number, event: LedgerEvent, at: Instant): void {
    this.drafts.push({
      event,
      organizationId: `org_${String(who)}`,
      at,
      actor: { type: 'key', id: 'key_1', role: null },
    });
  }

  private step(kind: Happening['kind'], who: number, a: number, b: number): Step | undefined {
    const amountOf = `${String((a % 300) + 1)}.${String(b % 10)}5`;
    const walletKey = b % 4 === 0 ? 'machines' : 'credits';
    const holdName = `hold-${String(b % Math.max(1, this.holds[who] ?? 0))}`;
    switch (kind) {
      case 'grant':
        return this.grant(who, amountOf, walletKey, b);
      case 'use':
        return this.use(who, a, b);
      case 'hold':
        return authorizeHold(`hold-${String(this.next(this.holds, who))}`, `${String((a % 20) + 1)}.25`, { wallet: walletKey, expiresAt: b % 3 === 0 ? null : later(this.now, { hours: b + 1 }) }); // prettier-ignore
      case 'capture':
        return captureHold(holdName, amountOf, { final: a % 3 !== 0, usage: { serviceType: 'compute', userId: 'u1' } });
      case 'extend':
        return extendHold(holdName, later(this.now, { hours: b + 2 }), a % 2 === 0 ? null : '3.5');
      case 'release':
        return releaseHold(holdName);
      case 'refund':
        return refundCharge(this.usages[who]?.[a % Math.max(1, this.usages[who].length)]?.id ?? 'none', b % 2 === 0 ? null : '0.75'); // prettier-ignore
      case 'void':
        return voidGrant(`lot-${String(a % Math.max(1, this.lots[who] ?? 0))}`);
      case 'adjust':
        return adjustBalance(a % 2 === 0 ? amountOf : `-${amountOf}`);
      case 'policy':
        return changePolicy({ drawOrder: a % 2 === 0 ? ['expires_at', 'priority'] : ['priority', 'effective_at'], onShortfall: b % 2 === 0 ? 'debt' : 'write_off', overdraftLimit: measured('50') as never }); // prettier-ignore
      case 'role':
        return setRole(`user-${String(a % 3)}`, b % 2 === 0 ? 'admin' : 'member');
      case 'close':
        return a % 20 === 0 ? closeOrganization() : undefined;
      case 'quarantine':
      case 'redrive':
      case 'refuse':
        return this.odd(kind, who, a);
      case 'time':
        return afterwards({});
    }
  }

  private next(counters: number[], who: number): number {
    const next = counters[who] ?? 0;
    counters[who] = next + 1;
    return next;
  }

  private grant(who: number, amountOf: string, walletKey: string, b: number): Step {
    const name = `lot-${String(this.next(this.lots, who))}`;
    return granted(name, amountOf, {
      wallet: walletKey,
      creditType: ['promotional', 'monthly', 'purchased'][b % 3] ?? 'purchased',
      ...(b % 2 === 0 ? { expiresAt: later(this.now, { hours: 2 + (b % 60) }) } : {}),
      ...(b % 5 === 0 ? { effectiveAt: later(this.now, { hours: b % 40 }) } : {}),
      ...(b % 4 === 1 ? { scope: { models: ['big'] } } : {}),
      ...(b % 3 === 2 ? { cap: { amount: '45.5', per: b % 2 === 0 ? 'day' : 'calendar-month' } } : {}),
    });
  }

  private usageOf(who: number, a: number, b: number, changes: Partial<UsageEvent> = {}): UsageEvent {
    const organizationId = `org_${String(who)}`;
    const known = this.usages[who] ?? [];
    const parent = a % 5 === 0 ? known[b % Math.max(1, known.length)] : undefined;
    const created = later(START, {});
    const time = later(this.now, { minutes: -(a % 3_000), micros: -b });
    return usage(`${String(a % 40)}.${String(b)}`, {
      organizationId,
      source: `source-${String(b % 2)}`,
      id: `usage-${String(who)}-${String(known.length)}-${String(this.quarantined[who]?.length ?? 0)}`,
      time: time < created ? created : time,
      serviceType: ['llm_call', 'compute', 'email'][a % 3] ?? 'llm_call',
      workspaceId: b % 3 === 0 ? null : `ws-${String(b % 4)}`,
      userId: a % 4 === 0 ? null : `u${String(a % 3)}`,
      model: MODELS[b % 3] ?? null,
      resourceType: a % 3 === 0 ? 'agent' : a % 3 === 1 ? 'machine' : null,
      resourceId: a % 3 === 2 ? null : `res-${String(b % 3)}`,
      taskId: b % 6 === 0 ? `task-${String(a % 5)}` : null,
      latencyMs: a % 2 === 0 ? b : null,
      parentTransactionId:
        parent === undefined ? null : chargeId(organizationNamespace(organizationId), parent.source, parent.id),
      ...changes,
    });
  }

  private use(who: number, a: number, b: number): Step {
    return (ledger) => {
      const event = this.usageOf(who, a, b);
      const decision = ledger.charge(event);
      if (decision.kind === 'charge') this.usages[who]?.push(event);
      return { kind: 'usage', decision };
    };
  }

  /** Usage that does not become a charge, or does so late. */
  private odd(kind: 'quarantine' | 'redrive' | 'refuse', who: number, a: number): Step {
    return (ledger) => {
      if (kind === 'redrive') {
        const [event] = this.quarantined[who]?.splice(0, 1) ?? [];
        return event === undefined
          ? { kind: 'time' }
          : this.charged(who, ledger, { ...event, serviceType: 'llm_call' });
      }
      const event = this.usageOf(who, a, a, {
        id: `odd-${String(ledger.log.length)}-${String(a)}-${String(this.drafts.length)}`,
      });
      if (kind === 'quarantine') {
        this.quarantined[who]?.push({ ...event, serviceType: 'unknown' });
        const data = { usage: { ...event, serviceType: 'unknown' }, code: 'no_rate', detail: 'no rate fits' } as const;
        this.note(who, { type: 'UsageQuarantined', data }, this.now);
      } else {
        const figures = { wallet: 'credits', code: 'out_of_credits', price: measured('1') as never, available: measured('0') as never }; // prettier-ignore
        const data = { usage: event, ...figures, rateCard: 'card', rateCardVersion: 1, policyVersion: 1 };
        this.note(who, { type: 'UsageRefused', data }, this.now);
      }
      return { kind: 'time' };
    };
  }

  private charged(who: number, ledger: TestLedger, event: UsageEvent): ReturnType<Step> {
    const decision = ledger.charge(event);
    if (decision.kind === 'charge') this.usages[who]?.push(event);
    return { kind: 'usage', decision };
  }
}

/** A usage event of so many units for tests that write their own history. */
export const unitsOf = (units: string): UsageEvent['quantities'] => [[UNITS, measured(units)]];
export const timeOf = instant;
