import type { status } from '@grpc/grpc-js';
import type { Refusal } from './answers';

/** What befalls one append. How the server itself comes to it is said in brackets, by its source. */
export type AppendFault =
  /** Stored, never answered: the server or the connection was gone by then. */
  | { readonly kind: 'drop answer' }
  /** Neither stored nor answered: gone before. */
  | { readonly kind: 'drop request' }
  /** Stored at once, answered after some milliseconds (after it is replicated: Services/RequestManager). */
  | { readonly kind: 'answer late'; readonly ms: number }
  /** Not stored; answered in band with this refusal (Streams.BatchAppend.cs, `ConvertMessage`); `current` need not be true. */
  | { readonly kind: 'refuse'; readonly refusal: Refusal; readonly current?: number }
  /** Stored, and refused all the same: a prepare, commit or forward time-out (`OperationResult`) says nothing of the write. */
  | { readonly kind: 'store and refuse'; readonly refusal: Refusal; readonly current?: number }
  /** The call ends with OK, before or after the append is stored (`BatchAppendWorker.Send` ends on closing). */
  | { readonly kind: 'close'; readonly stored: boolean }
  /** The call fails with a status, before or after the append is stored (`BatchAppendWorker.Work`, `HandleCompletion`). */
  | { readonly kind: 'fail'; readonly code: status; readonly stored: boolean }
  /** The call fails as on a follower that cannot forward (RpcExceptions.cs, `LeaderInfo`, thrown in `ConvertMessage`). */
  | { readonly kind: 'not leader'; readonly host: string; readonly port: number };

/** A live subscription, as the faults see it. */
export interface Subscriber {
  /**
   * Ends the call: with OK, or with a status. A consumer that is too slow gets ABORTED up to 23.10
   * (Enumerators.StreamSubscription.cs, `ConsumerTooSlow`, as `RpcExceptions.Timeout`).
   */
  end(code?: status): void;
  /** Sends nothing more, and leaves the call open. */
  silence(): void;
  /** Sends the last events once more: no server is known to; delivery is at least once (docs: clients, "Subscriptions"). */
  repeat(count: number): void;
}

/** What goes wrong at the double, on command. All of it ends with {@link Faults.heal}. */
export class Faults {
  private planned: AppendFault[] = [];
  /** Appends and reads are taken and never answered, new subscriptions stay empty: a server that hangs. */
  silent = false;
  /** Every append is refused, as after an ACL was set (docs: security.md, "Access control lists"); reads go on. */
  accessDenied = false;
  /** Every read and subscription fails with this status. */
  readsFail: status | undefined;
  /** GetSupportedMethods fails with this status. */
  featuresFail: status | undefined;
  /** Calls of GetSupportedMethods. */
  featuresAsked = 0;
  /** Reads, of subscriptions, too, fail as on a follower that is asked for its leader (RpcExceptions.cs, `TryHandleNotHandled`). */
  readsNotLeader: { readonly host: string; readonly port: number } | undefined;
  /** Calls that came with a user and a password. */
  credentialsHeard = 0;
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
