export interface ProposedEvent {
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly metadata: Uint8Array;
  readonly data: Uint8Array;
}

/** An event of the log. Its bytes stay in the file: the log reads them. */
export interface LoggedEvent {
  readonly stream: string;
  /** −1 for a tombstone, which the protocol shows as the largest int64. */
  readonly revision: number;
  readonly position: number;
  readonly id: string;
  readonly type: string;
  readonly contentType: string;
  readonly created: string;
  readonly bytesAt: number;
  readonly metadataBytes: number;
  readonly dataBytes: number;
}
