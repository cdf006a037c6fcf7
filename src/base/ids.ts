import { WritError } from "./errors.ts";

declare const brand: unique symbol;
/** A string that only its own kind of id can stand in for. */
export type Branded<Kind extends string> = string & { readonly [brand]: Kind };

export type TenantId = Branded<"tenant">;
export type AgentId = Branded<"agent">;
export type TokenId = Branded<"token">;
export type ConnectionId = Branded<"connection">;
export type SecretId = Branded<"secret">;
export type DecisionId = Branded<"decision">;
export type ApprovalId = Branded<"approval">;
export type EmergencyId = Branded<"emergency">;
export type ChannelId = Branded<"channel">;
/** A stream of events to a collector. */
export type StreamId = Branded<"stream">;
export type FileRuleId = Branded<"fileRule">;
export type EventId = Branded<"event">;
export type RunId = Branded<"run">;
/** A paired machine. */
export type DeviceId = Branded<"device">;
export type PersonId = Branded<"person">;
export type PasskeyId = Branded<"passkey">;
export type SessionId = Branded<"session">;
/** A one-time link or recovery code. */
export type LinkId = Branded<"link">;
/** The random id that stands for a person or agent in an event's plain fields. */
export type SubjectId = Branded<"subject">;

/** Each kind's prefix: an id tells what it names. */
export const ID_PREFIXES = {
  tenant: "ten",
  agent: "agt",
  token: "tok",
  connection: "con",
  secret: "sec",
  decision: "dec",
  approval: "apr",
  emergency: "emg",
  channel: "chn",
  stream: "str",
  fileRule: "frl",
  event: "evt",
  run: "run",
  device: "dev",
  person: "per",
  passkey: "psk",
  session: "ses",
  link: "lnk",
  subject: "sub",
} as const;

/** The kinds of id. */
export type IdKind = keyof typeof ID_PREFIXES;

/** Crockford's base 32, lower case: no i, l, o, u. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const ID_PATTERN = /^[a-z]{3}_[0-9a-hjkmnp-tv-z]{26}$/;

/** Where time and randomness come from; handed in, so that engines stay pure and tests repeat. */
export interface IdSource {
  /** Milliseconds since 1970. */
  now(): number;
  /** `length` unpredictable bytes. */
  random(length: number): Uint8Array;
}

/**
 * A new id: prefix, `_`, then 26 characters of Crockford base 32 that hold 48 bits of time in milliseconds and 80 random
 * bits (the layout of a ULID, lower case), so that ids made later sort later and indexes grow at their end.
 */
export function newId<Kind extends IdKind>(kind: Kind, source: IdSource): Branded<Kind> {
  return `${ID_PREFIXES[kind]}_${encodeTime(source.now())}${encodeRandom(source.random(10))}` as Branded<Kind>;
}

/** `text` as an id of this kind, or `not_found`: a malformed id and an absent one answer alike. */
export function parseId<Kind extends IdKind>(kind: Kind, text: unknown): Branded<Kind> {
  if (!isId(kind, text)) throw new WritError("not_found");
  return text;
}

/** Whether `text` has the form of an id of this kind. */
export function isId<Kind extends IdKind>(kind: Kind, text: unknown): text is Branded<Kind> {
  return typeof text === "string" && ID_PATTERN.test(text) && text.startsWith(ID_PREFIXES[kind]);
}

function encodeTime(milliseconds: number): string {
  let rest = milliseconds;
  let text = "";
  for (let i = 0; i < 10; i += 1) {
    text = ALPHABET.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function encodeRandom(bytes: Uint8Array): string {
  let text = "";
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET.charAt((buffer >> bits) & 31);
    }
  }
  return text;
}
