import { GRACE_DAYS, type Operation, type Rules, type Service } from './operations';

type UnitState = 'free' | 'held' | 'consumed' | 'expired' | 'voided' | 'forfeited';

/** One unit of credit, followed through its life. */
interface Unit {
  readonly lot: NaiveLot;
  state: UnitState;
  /** It was held when its lot expired, and the lot lives on since. */
  lapsed: boolean;
}

interface NaiveLot {
  readonly number: number;
  readonly priority: number;
  readonly starts: number;
  ends: number;
  readonly service: Service | null;
  readonly cap: { readonly size: number; readonly per: 'day' | 'calendar-month' } | null;
  readonly units: Unit[];
  started: boolean;
  /** It was voided while some of it was held. */
  restVoided: boolean;
  /** Units consumed in each window of the cap, less those given back. */
  readonly usedIn: Map<string, number>;
  readonly booked: Record<'consumed' | 'returned' | 'expired' | 'voided' | 'forfeited', number>;
}

interface NaiveHold {
  readonly service: Service | null;
  units: Unit[];
  overdraft: number;
  total: number;
  captured: number;
  ends: number;
  state: 'open' | 'captured' | 'released' | 'expired';
}

/** What a charge took, in order: units, then what became debt. Refunds take from the end. */
interface NaiveCharge {
  readonly taken: (Unit | 'debt')[];
  readonly size: number;
  readonly at: number;
}

/** Days of the months from March 2026 on, when tests begin. */
const MONTHS = [31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28];

/**
 * A wallet as one would write it without thinking of speed: every unit of credit is an object, every draw looks for
 * the best unit anew, and time passes hour by hour. Shares nothing with the product but the list of operations.
 */
export class NaiveWallet {
  hour = 0;
  owed = 0;
  readonly lots: NaiveLot[] = [];
  readonly holds: NaiveHold[] = [];
  readonly charges: NaiveCharge[] = [];
  private readonly paidDebt: { readonly unit: Unit; readonly at: number }[] = [];

  constructor(private readonly rules: Rules) {}

  /** Does an operation; what became of it: `done`, `nothing` where there was nothing to do it to, or why it was refused. */
  perform(operation: Operation): string {
    const outcome = this.tried(operation);
    this.expire();
    return outcome;
  }

  private tried(operation: Operation): string {
    switch (operation.type) {
      case 'pass':
        for (let n = 0; n < operation.hours; n++) this.tick();
        return 'nothing';
      case 'grant': {
        const { priority, startsIn, livesFor, service, cap, size } = operation;
        const starts = this.hour + startsIn;
        const ends = livesFor === null ? Infinity : Math.max(starts, this.hour) + livesFor;
        this.addLot({ priority, starts, ends, service, cap }, size);
        return 'done';
      }
      case 'use':
        return this.use(operation.size, operation.service, operation.enforce);
      case 'hold': {
        const hold: NaiveHold = {
          service: operation.service,
          units: [],
          overdraft: 0,
          total: 0,
          captured: 0,
          ends: this.hour + operation.livesFor,
          state: 'open',
        };
        if (!this.setAside(hold, operation.size)) return 'out_of_credits';
        this.holds.push(hold);
        return 'done';
      }
      case 'extend':
        return this.onHold(operation.which, (hold) => {
          if (!this.setAside(hold, operation.size)) return 'out_of_credits';
          hold.ends = this.hour + operation.livesFor;
          return 'done';
        });
      case 'capture':
        return this.onHold(operation.which, (hold) => this.capture(hold, operation.size, operation.final));
      case 'release':
        return this.onHold(operation.which, (hold) => this.end(hold, 'released'));
      case 'refund':
        return this.refund(operation.which, operation.size);
      case 'void': {
        const lot = this.lots[operation.which % Math.max(1, this.lots.length)];
        if (lot === undefined) return 'nothing';
        for (const unit of lot.units) if (unit.state === 'free') this.book(unit, 'voided');
        const isOver = lot.ends <= this.hour; // what is held of it expires
        if (!isOver && lot.units.some((unit) => unit.state === 'held')) lot.restVoided = true;
        return 'done';
      }
      case 'adjust': {
        if (operation.size > 0) {
          this.addLot({ priority: 100, starts: this.hour, ends: Infinity, service: null, cap: null }, operation.size);
          return 'done';
        }
        for (let n = 0; n < -operation.size; n++) {
          const unit = this.best((lot) => lot.starts <= this.hour && this.hour < lot.ends);
          if (unit === undefined) this.owed++;
          else this.consume(unit);
        }
        return 'done';
      }
    }
  }

  // ---- time

  private tick(): void {
    this.hour++;
    for (const hold of this.holds) if (hold.state === 'open' && hold.ends <= this.hour) this.end(hold, 'expired');
    const starting = this.lots.filter((lot) => !lot.started && lot.starts <= this.hour);
    for (const lot of starting.sort(this.order)) this.start(lot);
    this.expire();
  }

  private expire(): void {
    for (const lot of this.lots) {
      if (lot.ends > this.hour) continue;
      for (const unit of lot.units) if (unit.state === 'free') this.book(unit, 'expired');
    }
  }

  private start(lot: NaiveLot): void {
    lot.started = true;
    for (const unit of lot.units) {
      if (this.owed === 0 || unit.state !== 'free') continue;
      this.consume(unit);
      this.paidDebt.push({ unit, at: this.hour });
      this.owed--;
    }
  }

  private windowOf(lot: NaiveLot, hour: number): string {
    let day = Math.floor(hour / 24);
    if (lot.cap?.per === 'day') return `day ${String(day)}`;
    let month = 0;
    for (; day >= (MONTHS[month % 12] ?? 31); month++) day -= MONTHS[month % 12] ?? 31;
    return `month ${String(month)}`;
  }

  // ---- units

  private addLot(terms: Pick<NaiveLot, 'priority' | 'starts' | 'ends' | 'service' | 'cap'>, size: number): void {
    const booked = { consumed: 0, returned: 0, expired: 0, voided: 0, forfeited: 0 };
    const lot: NaiveLot = {
      ...{ ...terms, number: this.lots.length, units: [], started: false, restVoided: false },
      ...{ usedIn: new Map(), booked },
    };
    for (let n = 0; n < size; n++) lot.units.push({ lot, state: 'free', lapsed: false });
    this.lots.push(lot);
    if (lot.starts <= this.hour) this.start(lot);
  }

  private book(unit: Unit, state: 'expired' | 'voided' | 'forfeited'): void {
    unit.state = state;
    unit.lot.booked[state]++;
  }

  private consume(unit: Unit): void {
    unit.state = 'consumed';
    unit.lot.booked.consumed++;
    const window = this.windowOf(unit.lot, this.hour);
    unit.lot.usedIn.set(window, (unit.lot.usedIn.get(window) ?? 0) + 1);
  }

  private readonly order = (a: NaiveLot, b: NaiveLot): number => {
    const keys = { priority: 'priority', expires_at: 'ends', effective_at: 'starts' } as const;
    for (const key of this.rules.order) {
      const [x, y] = [a[keys[key]], b[keys[key]]];
      if (x !== y) return x < y ? -1 : 1;
    }
    return a.number - b.number;
  };

  /** The free unit that is drawn next among the lots that are admitted. */
  private best(isAdmitted: (lot: NaiveLot) => boolean): Unit | undefined {
    const lots = this.lots.filter((lot) => isAdmitted(lot) && lot.units.some((unit) => unit.state === 'free'));
    return lots.sort(this.order)[0]?.units.find((unit) => unit.state === 'free');
  }

  private pays(lot: NaiveLot, service: Service | null): boolean {
    if (this.hour < lot.starts || this.hour >= lot.ends) return false;
    if (lot.service !== null && lot.service !== service) return false;
    if (lot.cap === null) return true;
    const held = lot.units.filter((unit) => unit.state === 'held').length;
    return (lot.usedIn.get(this.windowOf(lot, this.hour)) ?? 0) + held < lot.cap.size;
  }

  /** How many units a charge could take now. Tried on a copy of nothing: units are marked and put back. */
  private spendable(service: Service | null): number {
    const marked: Unit[] = [];
    for (;;) {
      const unit = this.best((lot) => this.pays(lot, service));
      if (unit === undefined) break;
      unit.state = 'held'; // counts against the cap, as taking it would
      marked.push(unit);
    }
    for (const unit of marked) unit.state = 'free';
    return marked.length;
  }

  private available(service: Service | null): number {
    const overdrafts = this.holds.reduce((sum, hold) => sum + (hold.state === 'open' ? hold.overdraft : 0), 0);
    return this.spendable(service) - this.owed - overdrafts;
  }

  // ---- usage, holds, refunds

  private use(size: number, service: Service, enforce: boolean): string {
    const { onShortfall } = this.rules;
    if ((enforce || onShortfall === 'refuse') && size > 0 && size > this.available(service)) return 'out_of_credits';
    const taken: (Unit | 'debt')[] = [];
    for (let n = 0; n < size; n++) this.takeOne(taken, service);
    this.charges.push({ taken, size: taken.length, at: this.hour });
    return 'done';
  }

  private takeOne(taken: (Unit | 'debt')[], service: Service | null): void {
    const unit = this.best((lot) => this.pays(lot, service));
    if (unit !== undefined) {
      this.consume(unit);
      taken.push(unit);
    } else if (this.rules.onShortfall === 'debt') {
      this.owed++;
      taken.push('debt');
    }
  }

  private onHold(which: number, act: (hold: NaiveHold) => string): string {
    const hold = this.holds[which % Math.max(1, this.holds.length)];
    if (hold === undefined) return 'nothing';
    return hold.state === 'open' ? act(hold) : 'hold_closed';
  }

  private setAside(hold: NaiveHold, size: number): boolean {
    if (size === 0) return true;
    if (size > this.available(hold.service) + this.rules.limit) return false;
    for (let n = 0; n < size; n++) {
      const unit = this.best((lot) => this.pays(lot, hold.service));
      if (unit === undefined) hold.overdraft++;
      else {
        unit.state = 'held';
        hold.units.push(unit);
      }
    }
    hold.total += size;
    return true;
  }

  private end(hold: NaiveHold, state: 'captured' | 'released' | 'expired'): string {
    const freed = hold.units;
    for (const unit of freed) {
      unit.state = 'free';
      if (unit.lapsed) this.book(unit, 'expired');
      else if (unit.lot.restVoided && this.hour < unit.lot.ends) this.book(unit, 'voided');
    }
    hold.units = [];
    hold.overdraft = 0;
    hold.state = state;
    this.payDebtFrom(freed);
    return 'done';
  }

  /** What came free pays what is owed, lot by lot. */
  private payDebtFrom(freed: readonly Unit[]): void {
    const lots = [...new Set(freed.map((unit) => unit.lot))];
    for (const lot of lots) {
      if (lot.ends <= this.hour) continue;
      for (const unit of freed) {
        if (unit.lot !== lot || unit.state !== 'free' || this.owed === 0) continue;
        this.consume(unit);
        this.paidDebt.push({ unit, at: this.hour });
        this.owed--;
      }
    }
  }

  private capture(hold: NaiveHold, size: number, final: boolean): string {
    const { overCapture, onShortfall } = this.rules;
    const rest = hold.units.length + hold.overdraft;
    const excess = Math.max(0, size - rest);
    if (excess > 0 && overCapture === 'refuse') return 'exceeds_hold';
    const drawsExtra = excess > 0 && overCapture === 'draw_extra';
    if (drawsExtra && onShortfall === 'refuse' && excess > this.spendable(hold.service)) return 'exceeds_hold';
    const units = hold.units.splice(0, size);
    for (const unit of units) this.consume(unit);
    const overdrawn = Math.min(hold.overdraft, size - units.length);
    hold.overdraft -= overdrawn;
    // Free units cover what they can; of the rest the hold may owe so much, and beyond that the rules say.
    let short = 0;
    for (let n = 0; n < overdrawn + (drawsExtra ? excess : 0); n++) {
      const unit = this.best((lot) => this.pays(lot, hold.service));
      if (unit === undefined) short++;
      else {
        this.consume(unit);
        units.push(unit);
      }
    }
    const owed = onShortfall === 'debt' ? short : Math.min(short, overdrawn);
    const debts = Array.from({ length: owed }, () => 'debt' as const);
    this.owed += owed;
    hold.captured += units.length + debts.length;
    // One slice for each lot, in the order in which the lots were first touched.
    const byLot = [...new Set(units.map((unit) => unit.lot))].flatMap((lot) =>
      units.filter((unit) => unit.lot === lot),
    );
    const all = [...byLot, ...debts];
    this.charges.push({ taken: all, size: all.length, at: this.hour });
    return final ? this.end(hold, 'captured') : 'done';
  }

  private refund(which: number, size: number | null): string {
    const charge = this.charges[which % Math.max(1, this.charges.length)];
    if (charge === undefined) return 'nothing';
    if (charge.size === 0) return size === null ? 'not_refundable' : 'exceeds_charge';
    if (charge.taken.length === 0) return 'already_refunded';
    const count = size ?? charge.taken.length;
    if (count > charge.taken.length) return 'exceeds_charge';
    const ended = new Set(this.lots.filter((lot) => lot.ends <= this.hour));
    const returned: Unit[] = [];
    for (let n = 0; n < count; n++) {
      const last = charge.taken.pop();
      if (last === 'debt' && this.owed > 0) this.owed--;
      else {
        const drawn = last === 'debt' ? this.paidDebt.pop() : last && { unit: last, at: charge.at };
        if (drawn === undefined) throw new Error('debt was paid by nobody');
        this.giveBack(drawn.unit, drawn.at, ended.has(drawn.unit.lot));
        returned.push(drawn.unit);
      }
    }
    this.payDebtFrom(returned);
    return 'done';
  }

  private giveBack(unit: Unit, drawnAt: number, hasEnded: boolean): void {
    const { lot } = unit;
    lot.booked.returned++;
    if (lot.restVoided || lot.booked.voided > 0 || (hasEnded && this.rules.refundExpired === 'forfeit')) {
      this.book(unit, 'forfeited');
      return;
    }
    if (hasEnded) {
      for (const other of lot.units) if (other.state === 'held') other.lapsed = true;
      lot.ends = this.hour + GRACE_DAYS * 24;
    }
    unit.state = 'free';
    unit.lapsed = false;
    const window = this.windowOf(lot, drawnAt);
    lot.usedIn.set(window, Math.max(0, (lot.usedIn.get(window) ?? 0) - 1));
  }
}
