import { type Static, type TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';

/** JSON as it is stored: what `JSON.parse` gives. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/**
 * The one declaration of an event: its name, its stored form with the published JSON Schema, how it is read and
 * written, and how older stored forms become the present one. The version is one more than the number of upcasts.
 */
export interface EventType<Name extends string = string, Data = unknown> {
  readonly type: Name;
  readonly version: number;
  readonly schema: TSchema;
  /** Stored JSON of any released version to data. Throws {@link UnreadableEvent} where it does not fit. */
  readonly read: (stored: unknown, version: number) => Data;
  /** The stored form, which can be read again. Throws {@link UnwritableEvent} where it could not. */
  readonly write: (data: Data) => Json;
}

/** Name and data of an event, as `decide` makes them and `evolve` takes them. */
export type EventOf<T> =
  T extends EventType<infer Name, infer Data> ? { readonly type: Name; readonly data: Data } : never;

/** A stored event that this program cannot read: unknown type, newer version, or a shape that does not fit. */
export class UnreadableEvent extends Error {
  readonly code = 'unreadable_event';
}

/** What to do about an event that was not known when this program was made. */
export const OF_A_NEWER_RELEASE = 'a newer release wrote it: start that one, or a later one';

/** The program was about to store an event that nobody could read again: it must not be stored (INV-AMT-3). */
export class UnwritableEvent extends Error {
  readonly code = 'unwritable_event';
}

export interface EventDeclaration<Wire extends TSchema, Data> {
  readonly wire: Wire;
  readonly read: (wire: Static<Wire>) => Data;
  readonly write: (data: Data) => Static<Wire>;
  /** From version n to n + 1, in order. Released ones are never edited. */
  readonly upcasts?: readonly ((stored: JsonObject) => JsonObject)[];
}

export const eventType = <Name extends string, Wire extends TSchema, Data>(
  type: Name,
  declaration: EventDeclaration<Wire, Data>,
): EventType<Name, Data> => {
  const upcasts = declaration.upcasts ?? [];
  const version = upcasts.length + 1;
  let compiled: TypeCheck<Wire> | undefined;
  const read = (stored: unknown, storedVersion: number): Data => {
    if (!Number.isInteger(storedVersion) || storedVersion > version || storedVersion < 1) {
      throw new UnreadableEvent(
        `${type} version ${String(storedVersion)} is not known here (newest: ${String(version)}); ${OF_A_NEWER_RELEASE}`,
      );
    }
    compiled ??= TypeCompiler.Compile(declaration.wire);
    try {
      let wire = stored;
      for (const upcast of upcasts.slice(storedVersion - 1)) wire = upcast(wire as JsonObject);
      if (compiled.Check(wire)) return declaration.read(wire);
      const fault = compiled.Errors(wire).First();
      throw new UnreadableEvent(`${type} does not fit its schema at ${fault?.path ?? '/'}: ${fault?.message ?? ''}`);
    } catch (error) {
      if (error instanceof UnreadableEvent) throw error;
      // An upcast or a reader met a shape or a text that it does not know.
      const reason = error instanceof Error ? error.message : String(error);
      throw new UnreadableEvent(`${type} is unreadable: ${reason}`, { cause: error });
    }
  };
  const write = (data: Data): Json => {
    const wire = declaration.write(data) as Json;
    try {
      read(wire, version);
    } catch (error) {
      throw new UnwritableEvent(`${type} could not be read again`, { cause: error });
    }
    return wire;
  };
  return { type, version, schema: declaration.wire, read, write };
};
