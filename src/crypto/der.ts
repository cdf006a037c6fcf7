/** Distinguished Encoding Rules (X.690), as far as certificates need them: each function gives one whole element. */

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;

/** Any element: its tag, its length in the shortest form, its content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Uint8Array {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Uint8Array.of(tag), lengthOf(length), ...content]);
}

/** SEQUENCE. */
export function sequence(...members: readonly Uint8Array[]): Uint8Array {
  return element(SEQUENCE, ...members);
}

/** SET of one. */
export function setOf(member: Uint8Array): Uint8Array {
  return element(SET, member);
}

/** INTEGER that is not negative, of big-endian bytes. */
export function integer(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1;
  const digits = bytes.subarray(start);
  return (digits[0] ?? 0) >= 0x80 ? element(INTEGER, Uint8Array.of(0), digits) : element(INTEGER, digits);
}

/** BOOLEAN TRUE. */
export const TRUE = Uint8Array.of(0x01, 0x01, 0xff);

/** BIT STRING of whole bytes, of which the last has so many unused bits. */
export function bitString(bytes: Uint8Array, unused = 0): Uint8Array {
  return element(BIT_STRING, Uint8Array.of(unused), bytes);
}

/** OCTET STRING. */
export function octetString(bytes: Uint8Array): Uint8Array {
  return element(OCTET_STRING, bytes);
}

/** UTF8String. */
export function utf8String(text: string): Uint8Array {
  return element(UTF8_STRING, Buffer.from(text, "utf8"));
}

/** OBJECT IDENTIFIER of its dotted form. */
export function objectId(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(OBJECT_ID, Uint8Array.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Time as RFC 5280 section 4.1.2.5 has it: UTCTime until 2049, GeneralizedTime from then on; whole seconds. */
export function time(milliseconds: number): Uint8Array {
  const digits = new Date(milliseconds).toISOString().replace(/[-:T]|\.\d+/g, "");
  const isLate = Number(digits.slice(0, 4)) >= 2050;
  return element(isLate ? GENERALIZED_TIME : UTC_TIME, Buffer.from(isLate ? digits : digits.slice(2), "latin1"));
}

function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  const digits: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return Uint8Array.of(0x80 | digits.length, ...digits);
}

function base128(value: number): readonly number[] {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift((rest % 128) | 0x80);
  return digits;
}
