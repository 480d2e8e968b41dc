import type { status } from '@grpc/grpc-js';
import type { Refusal } from './answers';

/** What befalls one append. */
export type AppendFault =
  /** Stored, never answered. */
  | { readonly kind: 'drop answer' }
  /** Neither stored nor answered. */
  | { readonly kind: 'drop request' }
  /** Stored at once, answered after some milliseconds. */
  | { readonly kind: 'answer late'; readonly ms: number }
  /** Not stored; answered with this refusal (a wrong version names `current`, which need not be true). */
  | { readonly kind: 'refuse'; readonly refusal: Refusal; readonly current?: number }
  /** Stored, and refused all the same. */
  | { readonly kind: 'store and refuse'; readonly refusal: Refusal; readonly current?: number }
  /** The call ends with OK, before or after the append is stored. */
  | { readonly kind: 'close'; readonly stored: boolean }
  /** The call fails with a status, before or after the append is stored. */
  | { readonly kind: 'fail'; readonly code: status; readonly stored: boolean }
  /** The call fails as on a follower. */
  | { readonly kind: 'not leader'; readonly host: string; readonly port: number };

/** A live subscription, as the faults see it. */
export interface Subscriber {
  /** Ends the call: with OK, or with a status. */
  end(code?: status): void;
  /** Sends nothing more, and leaves the call open. */
  silence(): void;
  /** Sends the last events once more. */
  repeat(count: number): void;
}

/** What goes wrong at the double, on command. All of it ends with {@link Faults.heal}. */
export class Faults {
  private planned: AppendFault[] = [];
  /** Appends and reads are taken and never answered, new subscriptions stay empty: a server that hangs. */
  silent = false;
  /** Every append is refused, as after an ACL was set; reads go on. */
  accessDenied = false;
  /** Every read and subscription fails with this status. */
  readsFail: status | undefined;
  /** GetSupportedMethods fails with this status. */
  featuresFail: status | undefined;
  /** Reads fail as on a follower that is asked for its leader. */
  readsNotLeader: { readonly host: string; readonly port: number } | undefined;
  /** Appends received, whatever became of them. */
  appends = 0;
  /** BatchAppend calls that are open now. */
  batchCalls = 0;
  /** Subscriptions opened. */
  subscriptions = 0;
  readonly subscribers = new Set<Subscriber>();

  /** These befall the next appends, one each, in this order. */
  nextAppends(...faults: readonly AppendFault[]): void {
    this.planned.push(...faults);
  }

  forNextAppend(): AppendFault | undefined {
    this.appends += 1;
    return this.planned.shift();
  }

  heal(): void {
    this.planned = [];
    this.silent = this.accessDenied = false;
    this.readsFail = this.featuresFail = this.readsNotLeader = undefined;
  }
}
