import { ReadReq } from '@eventstore/db-client/generated/streams_pb';
import { streamName } from './answers';
import type { LoggedEvent } from './logged-event';

/** A default of the server: how many events one step of a filtered read looks at (docs: clients, "Updating checkpoints"). */
const SEARCH_WINDOW = 32;

export type Start = 'start' | 'end' | number;

export interface ReadRequest {
  /** undefined: `$all`. */
  readonly stream: string | undefined;
  readonly start: Start;
  readonly backwards: boolean;
  /** Infinity for a subscription. */
  readonly count: number;
  readonly subscription: boolean;
  readonly structuredIds: boolean;
  readonly filter: Filter | undefined;
}

export interface Filter {
  matches(event: LoggedEvent): boolean;
  /** Events looked at between two checkpoints. */
  readonly checkpointEvents: number;
}

/** What is asked for; a text where the request is one that the server refuses (Streams.Read.cs, `RpcExceptions.InvalidCombination`). */
export const readRequest = (request: ReadReq): ReadRequest | string => {
  const options = request.getOptions();
  if (options === undefined) return 'no options';
  const subscription = options.hasSubscription();
  const backwards = options.getReadDirection() === ReadReq.Options.ReadDirection.BACKWARDS;
  const [ofStream, ofAll] = [options.getStream(), options.getAll()];
  if (ofStream === undefined && ofAll === undefined) return 'neither a stream nor $all';
  if (subscription && backwards) return 'a subscription goes forwards';
  if (!subscription && !options.hasCount()) return 'neither a count nor a subscription';
  if (ofStream !== undefined && options.hasFilter()) return 'a filter on one stream';
  if (options.getUuidOption() === undefined) return 'no UUID option';
  const filter = options.getFilter();
  const parsed = filter === undefined ? undefined : filterOf(filter);
  if (typeof parsed === 'string') return parsed;
  return {
    stream: ofStream && streamName(ofStream.getStreamIdentifier()),
    start: ofStream ? streamStart(ofStream) : allStart(ofAll ?? new ReadReq.Options.AllOptions()),
    backwards,
    count: subscription ? Infinity : Number(options.getCount()),
    subscription,
    structuredIds: options.getUuidOption()?.hasStructured() ?? false,
    filter: parsed,
  };
};

const streamStart = (options: ReadReq.Options.StreamOptions): Start => {
  if (options.hasStart()) return 'start';
  return options.hasEnd() ? 'end' : Number(options.getRevision());
};

const allStart = (options: ReadReq.Options.AllOptions): Start => {
  if (options.hasStart()) return 'start';
  return options.hasEnd() ? 'end' : Number(options.getPosition()?.getCommitPosition() ?? 0);
};

/** Prefixes (any of) or a regex, on stream name or event type (Services/Storage/ReaderIndex/EventFilter.cs). */
const filterOf = (options: ReadReq.Options.FilterOptions): Filter | string => {
  const byType = options.getEventType();
  const expression = byType ?? options.getStreamIdentifier();
  if (expression === undefined) return 'a filter of nothing';
  const window = options.hasMax() ? options.getMax() : SEARCH_WINDOW;
  const multiplier = options.getCheckpointintervalmultiplier();
  if (window === 0 || multiplier === 0) return 'a filter without a window';
  const prefixes = expression.getPrefixList();
  const regex = prefixes.length > 0 ? undefined : new RegExp(expression.getRegex(), 'u');
  const matches = (text: string): boolean => regex?.test(text) ?? prefixes.some((prefix) => text.startsWith(prefix));
  return {
    matches: ({ stream, type }) => matches(byType === undefined ? stream : type),
    checkpointEvents: window * multiplier,
  };
};
