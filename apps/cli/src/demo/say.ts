import { grouped, table } from '../terminal';
import type { CustomerFindings, ExplainedCharge } from './findings';

const SHOWN_DECIMALS = 2;

/** Cut, not rounded, and only for show: `1234.5678` as `1,234.56`. */
const short = (amount: string): string => {
  const [whole = '0', decimals = ''] = amount.split('.');
  return `${grouped(whole)}.${decimals.slice(0, SHOWN_DECIMALS).padEnd(SHOWN_DECIMALS, '0')}`;
};

const minute = (instant: string | null): string => (instant === null ? '–' : instant.slice(0, 16).replace('T', ' '));

export const balances = (findings: readonly CustomerFindings[]): string =>
  table(
    ['organization', 'status', 'granted', 'spent', 'balance', 'available', 'remaining'],
    findings.map(({ organization, wallet }) => [
      organization,
      wallet.status,
      short(wallet.lifetime_added),
      short(wallet.lifetime_spent),
      short(wallet.balance.settled),
      short(wallet.balance.available),
      `${wallet.remaining_percent} % ${wallet.bar}`,
    ]),
    2,
  );

export const workspaces = (findings: readonly CustomerFindings[]): string =>
  table(
    ['organization', 'workspace', 'credits', 'share', 'charges'],
    findings.flatMap(({ organization, workspaces: { data } }) =>
      data.map(({ key, credits, share_percent: share, transactions }) => [
        organization,
        key ?? '–',
        short(credits),
        `${share} %`,
        grouped(transactions),
      ]),
    ),
    2,
  );

export const burnRates = (findings: readonly CustomerFindings[]): string =>
  table(
    ['organization', 'credits a day', 'used up at', 'between', 'and', 'confidence'],
    findings.map(({ organization, burnRate }) => [
      organization,
      short(burnRate.credits_per_day),
      minute(burnRate.projected_depletion_at),
      minute(burnRate.low),
      minute(burnRate.high),
      burnRate.confidence,
    ]),
  );

/** A charge from the usage that was reported to the lots that paid it. */
export const explanation = (charge: ExplainedCharge, place: number): string => {
  const { event, organization, credits, rate, lines, lots, transaction } = charge;
  const { service_type: service, model, workspace_id: workspace, user_id: user } = event.data as Record<string, string>;
  const what = [service, model].filter((part) => part !== undefined).join(' ');
  const sums = lines.map(
    ({ rate: of, quantity, unit_price: price, amount }) => `     ${grouped(quantity)} ${of} × ${price} = ${amount}`,
  );
  const drawn = lots.map(
    ({ credit_type: type, amount, expires_at: at }) =>
      `${amount} of ${type} (${at === null ? 'no expiry' : `until ${minute(at)}`})`,
  );
  return [
    `${String(place)}. ${credits} credits: ${organization}, ${workspace ?? '–'}, ${user ?? '–'}, ${what}, ${minute(event.time)}`,
    `     rate ${String(rate.index + 1)} of ${rate.card} version ${String(rate.version)}`,
    ...sums,
    `     drawn from ${drawn.join(', then ') || 'no lot: it is owed'}`,
    `     balance ${transaction.balance_before} → ${transaction.balance_after}   ${transaction.id}`,
    '',
  ].join('\n');
};
