/** The server's cache has 8 MiB for all streams (IndexWriter.cs, `_committedEvents`); about that many entries. */
const RECENT_IDS_MAX = 50_000;

/** The ids that `any` and `stream_exists` recognise a repetition by: bounded, in memory, empty after a restart. */
export class RecentIds {
  private readonly revisions = new Map<string, { readonly stream: string; readonly revision: number }>();

  add(stream: string, id: string, revision: number): void {
    this.revisions.delete(id);
    this.revisions.set(id, { stream, revision });
    if (this.revisions.size <= RECENT_IDS_MAX) return;
    for (const oldest of this.revisions.keys()) {
      this.revisions.delete(oldest);
      return;
    }
  }

  revision(stream: string, id: string): number | undefined {
    const known = this.revisions.get(id);
    return known?.stream === stream ? known.revision : undefined;
  }

  clear(): void {
    this.revisions.clear();
  }
}
