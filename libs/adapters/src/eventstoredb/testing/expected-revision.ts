/**
 * What the server makes of an append's expected revision: `CheckCommit` in
 * src/EventStore.Core/Services/Storage/ReaderIndex/IndexWriter.cs (23.10.8; the same in 24.6 and 26.1).
 * Identity is the event id alone; contents are not compared.
 */
export type Expected = number | 'no_stream' | 'any' | 'stream_exists';

export interface StreamState {
  /** Revision of the last event ever written; −1 where there is none. */
  readonly current: number;
  readonly tombstoned: boolean;
  readonly softDeleted: boolean;
  idAt(revision: number): string | undefined;
  /** Where the recent-ids cache has the event in this stream. */
  recent(id: string): number | undefined;
}

export type Decision =
  | { readonly outcome: 'write' }
  /** Stored already; the last of the events has this revision. */
  | { readonly outcome: 'repeated'; readonly last: number }
  | { readonly outcome: 'wrong version'; readonly current: number }
  | { readonly outcome: 'stream deleted' };

export const decide = (state: StreamState, expected: Expected, ids: readonly string[]): Decision => {
  // CheckCommit: "IsStreamDeleted" comes before anything else, whatever was expected.
  if (state.tombstoned) return { outcome: 'stream deleted' };
  if (expected === 'any') return decideAny(state, ids);
  if (expected === 'stream_exists') {
    // CheckCommit: `expectedVersion == ExpectedVersion.StreamExists`; a soft-deleted stream is "deleted" here only.
    if (state.softDeleted) return { outcome: 'stream deleted' };
    return state.current < 0 ? wrong(state) : decideAny(state, ids);
  }
  const after = expected === 'no_stream' ? -1 : expected;
  if (after > state.current) return wrong(state);
  // CheckCommit: `expectedVersion == curVersion` is OK without a look at the ids: the same id can be stored twice.
  if (after === state.current) return { outcome: 'write' };
  const place = ids.findIndex((id, index) => state.idAt(after + 1 + index) !== id);
  // CheckCommit: a soft-deleted stream counts as none for no_stream where not even the first id is there; numbering goes on.
  if (place === 0 && expected === 'no_stream' && state.softDeleted) return { outcome: 'write' };
  return ids.length > 0 && place < 0 ? { outcome: 'repeated', last: after + ids.length } : wrong(state);
};

/** CheckCommit, `ExpectedVersion.Any`: best effort, from a cache in memory. */
const decideAny = (state: StreamState, ids: readonly string[]): Decision => {
  const [first] = ids;
  if (first === undefined || state.recent(first) === undefined) return { outcome: 'write' };
  const revisions = ids.map((id) => state.recent(id));
  const last = revisions.at(-1);
  return last === undefined || revisions.includes(undefined) ? wrong(state) : { outcome: 'repeated', last };
};

const wrong = ({ current }: StreamState): Decision => ({ outcome: 'wrong version', current });
