import type { JsonObject } from "#src/base/canonical-json.ts";
import { codesOf, MemberPlaces, matchesAt, NOT_PROVEN, scanObject, skipWhile, tableOf } from "./canonical-scan.ts";
import { parseCanonical } from "./canonical-text.ts";
import { EVENT_TYPE, type ParsedEvent, WRIT_CID } from "./event.ts";
import { isJsonObject, isTimestamp, MAX_IDENTIFIER } from "./shape.ts";

/** An event whose bytes were proven canonical and of the right shape; what its data holds is parsed when it is asked for. */
export class ScannedEvent implements ParsedEvent {
  readonly v = 1;
  readonly actor: string;
  readonly at: string;
  readonly id: string;
  readonly prev: string;
  readonly seq: number;
  readonly tenant: string;
  readonly type: string;
  /** What `collectReferences` gives for the data. */
  readonly references: readonly string[];
  /** What `hasMalformedWrit` gives for the event. */
  readonly hasMalformedWrit: boolean;
  private readonly dataText: () => string;
  private parsed: JsonObject | undefined;

  constructor(fields: ScannedFields) {
    this.actor = fields.actor;
    this.at = fields.at;
    this.id = fields.id;
    this.prev = fields.prev;
    this.seq = fields.seq;
    this.tenant = fields.tenant;
    this.type = fields.type;
    this.references = fields.references;
    this.hasMalformedWrit = fields.hasMalformedWrit;
    this.dataText = fields.dataText;
  }

  get data(): JsonObject {
    this.parsed ??= parseCanonical(this.dataText(), "the event's data") as JsonObject;
    return this.parsed;
  }
}

interface ScannedFields extends Omit<ParsedEvent, "v" | "data"> {
  readonly references: readonly string[];
  readonly hasMalformedWrit: boolean;
  readonly dataText: () => string;
}

/** An event with more direct members in its data is read the slow way. */
const MAX_MEMBERS = 64;
const members = new MemberPlaces(MAX_MEMBERS);
const HASH_DIGITS = 64;
const TIME_CHARACTERS = 24;
const MAX_SEQ_DIGITS = 15;
const ZERO = 0x30;

const IDENTIFIER = tableOf((code) => /[A-Za-z0-9_.:-]/.test(String.fromCharCode(code)));
const TYPE = tableOf((code) => /[a-z0-9_.]/.test(String.fromCharCode(code)));
const HEX = tableOf((code) => /[0-9a-f]/.test(String.fromCharCode(code)));
const DIGIT = tableOf((code) => /[0-9]/.test(String.fromCharCode(code)));

const ACTOR = codesOf('{"actor":"');
const AT = codesOf('","at":"');
const DATA = codesOf('","data":');
const ID = codesOf(',"id":"');
const PREV = codesOf('","prev":"');
const SEQ = codesOf('","seq":');
const TENANT = codesOf(',"tenant":"');
const TYPE_NAME = codesOf('","type":"');
const END = codesOf('","v":1}');
const REFERENCE = codesOf('{"ref":"sha256:');
const REFERENCE_END = codesOf('"}');
const WRIT = codesOf("writ");
const DECISION = codesOf("decision.");

/**
 * Reads an event as `parseEvent` does, in one pass over its bytes: that they are canonical is proven instead of encoding the
 * event again. Undefined where that was not proven or any shape is wrong: the slow way then says what is, if anything.
 *
 * @param bytes not kept
 * @param source the same as it was given: where the data is read from when it is asked for
 */
export function scanEvent(bytes: Uint8Array, source: Uint8Array | string): ScannedEvent | undefined {
  if (!matchesAt(bytes, 0, ACTOR)) return undefined;
  const actor = ACTOR.length;
  const actorEnd = skipWhile(bytes, actor, IDENTIFIER);
  if (!matchesAt(bytes, actorEnd, AT)) return undefined;
  const at = actorEnd + AT.length;
  if (!matchesAt(bytes, at + TIME_CHARACTERS, DATA)) return undefined;
  const data = at + TIME_CHARACTERS + DATA.length;
  members.used = 0;
  const dataEnd = scanObject(bytes, data, 1, members);
  if (dataEnd === NOT_PROVEN || !matchesAt(bytes, dataEnd, ID)) return undefined;
  const id = dataEnd + ID.length;
  const idEnd = skipWhile(bytes, id, IDENTIFIER);
  if (!matchesAt(bytes, idEnd, PREV)) return undefined;
  const prev = idEnd + PREV.length;
  const prevEnd = skipWhile(bytes, prev, HEX);
  if (prevEnd - prev !== HASH_DIGITS || !matchesAt(bytes, prevEnd, SEQ)) return undefined;
  const seq = prevEnd + SEQ.length;
  const seqEnd = skipWhile(bytes, seq, DIGIT);
  if (!isPositiveInteger(bytes, seq, seqEnd) || !matchesAt(bytes, seqEnd, TENANT)) return undefined;
  const tenant = seqEnd + TENANT.length;
  const tenantEnd = skipWhile(bytes, tenant, IDENTIFIER);
  if (!matchesAt(bytes, tenantEnd, TYPE_NAME)) return undefined;
  const type = tenantEnd + TYPE_NAME.length;
  const typeEnd = skipWhile(bytes, type, TYPE);
  if (!matchesAt(bytes, typeEnd, END) || typeEnd + END.length !== bytes.length) return undefined;
  if (![actorEnd - actor, idEnd - id, tenantEnd - tenant].every(isIdentifierLength)) return undefined;
  const typeText = textOf(bytes, type, typeEnd);
  const time = textOf(bytes, at, at + TIME_CHARACTERS);
  if (!EVENT_TYPE.test(typeText) || !isTimestamp(time)) return undefined;
  return new ScannedEvent({
    actor: textOf(bytes, actor, actorEnd),
    at: time,
    id: textOf(bytes, id, idEnd),
    prev: textOf(bytes, prev, prevEnd),
    seq: integerOf(bytes, seq, seqEnd),
    tenant: textOf(bytes, tenant, tenantEnd),
    type: typeText,
    references: referencesOf(bytes),
    hasMalformedWrit: matchesAt(bytes, type, DECISION) && isWritMalformed(bytes, dataEnd),
    dataText: () => (typeof source === "string" ? source.slice(data, dataEnd) : textOf(source, data, dataEnd)),
  });
}

function isIdentifierLength(length: number): boolean {
  return length >= 1 && length <= MAX_IDENTIFIER;
}

function isPositiveInteger(bytes: Uint8Array, at: number, end: number): boolean {
  return end > at && end - at <= MAX_SEQ_DIGITS && bytes[at] !== ZERO;
}

function integerOf(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  for (let place = at; place < end; place += 1) value = value * 10 + (bytes[place] as number) - ZERO;
  return value;
}

/** All that a scan passes is ASCII. */
function textOf(bytes: Uint8Array, at: number, end: number): string {
  return Buffer.prototype.latin1Slice.call(bytes, at, end);
}

const NO_REFERENCES: readonly string[] = [];

/** Each direct member that is exactly a reference: in canonical form there is one way to write it. */
function referencesOf(bytes: Uint8Array): readonly string[] {
  const { places, used } = members;
  let found: string[] | undefined;
  for (let member = 0; member < used; member += 3) {
    const value = places[member + 2] as number;
    if (!matchesAt(bytes, value, REFERENCE)) continue;
    const sum = value + REFERENCE.length;
    const end = skipWhile(bytes, sum, HEX);
    if (end - sum !== HASH_DIGITS || !matchesAt(bytes, end, REFERENCE_END)) continue;
    found ??= [];
    found.push(textOf(bytes, sum, end));
  }
  return found ?? NO_REFERENCES;
}

function isWritMalformed(bytes: Uint8Array, dataEnd: number): boolean {
  const { places, used } = members;
  for (let member = 0; member < used; member += 3) {
    const key = places[member] as number;
    if ((places[member + 1] as number) - key !== WRIT.length || !matchesAt(bytes, key, WRIT)) continue;
    const next = member + 3 < used ? (places[member + 3] as number) - 2 : dataEnd - 1;
    const writ: unknown = JSON.parse(textOf(bytes, places[member + 2] as number, next));
    return isJsonObject(writ) && !(typeof writ["cid"] === "string" && WRIT_CID.test(writ["cid"]));
  }
  return false;
}
