/** How many bytes one call looks at, at most; a multiple of {@link BLOCK_BYTES}. */
export const WINDOW_BYTES = 65_536;
/** How many successive bytes decide whether a position is marked. */
export const KEY_BYTES = 4;
/** How many groups of keys there are: one bit each, eight to a byte. */
export const GROUPS = 32;

const BLOCK_BYTES = 16;
/** A table has a byte for each value of a half byte. */
const TABLE_BYTES = 16;
const OCTETS = GROUPS / 8;
/** Where the parts of a kernel's memory begin: tables, marks (a bit a position), text with room for the last block's keys. */
const MARKS_AT = KEY_BYTES * 2 * OCTETS * TABLE_BYTES;
const TEXT_AT = MARKS_AT + WINDOW_BYTES / 8;
const TEXT_BYTES = WINDOW_BYTES + BLOCK_BYTES + KEY_BYTES;
const KERNEL_BYTES = Math.ceil((TEXT_AT + TEXT_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;
/** How many kernels share a memory: for each the runtime reserves gigabytes of addresses, and only the first few are fast. */
const KERNELS = 8;
const PAGE_BYTES = 65_536;
const PAGES = Math.ceil((KERNELS * KERNEL_BYTES) / PAGE_BYTES);

/** A group's number of {@link KEY_BYTES} sets of bytes, at each of which the byte of a key must be. */
export type Key = readonly ReadonlySet<number>[];

/** An instance of the kernel: put text, call `mark`, read marks. */
export interface Kernel {
  /** Room for {@link WINDOW_BYTES}, and for what follows them: the beginning of the next window. */
  readonly text: Uint8Array;
  /** Bit `n & 31` of word `n >> 5` tells whether position n was marked. */
  readonly marks: Int32Array;
  /**
   * Marks each of the first `count` positions at which the next {@link KEY_BYTES} bytes may be a key of some group: for each
   * of them its lower half byte and its upper half byte occur, at that place, in the group's keys.
   */
  mark(count: number): void;
}

/** Makes a kernel for the keys of at most {@link GROUPS} groups. */
export function createKernel(groups: readonly (readonly Key[])[]): Kernel {
  if (shared === undefined || shared.kernels === KERNELS) shared = { ...instantiate(), kernels: 0 };
  const { memory, mark } = shared;
  const start = KERNEL_BYTES * shared.kernels;
  shared.kernels += 1;
  const tables = new Uint8Array(memory.buffer, start, MARKS_AT);
  for (const [group, keys] of groups.entries())
    for (const key of keys)
      for (const [place, bytes] of key.entries())
        for (const byte of bytes) {
          const bit = 1 << (group & 7);
          const low = tableAt(place, 0, group >> 3) + (byte & 15);
          const high = tableAt(place, 1, group >> 3) + (byte >> 4);
          tables[low] = (tables[low] as number) | bit;
          tables[high] = (tables[high] as number) | bit;
        }
  return {
    text: new Uint8Array(memory.buffer, start + TEXT_AT, TEXT_BYTES),
    marks: new Int32Array(memory.buffer, start + MARKS_AT, WINDOW_BYTES / 32),
    mark: (count) => mark(start, count),
  };
}

/** What the module exports. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  /** `start` is where the kernel's memory begins. */
  readonly mark: (start: number, count: number) => void;
}

/** The instance whose memory the next kernel takes a part of, and how many kernels have one. */
let shared: (Exports & { kernels: number }) | undefined;
let compiled: WebAssembly.Module | undefined;

function instantiate(): Exports {
  compiled ??= new WebAssembly.Module(encodeModule());
  const { memory, mark } = new WebAssembly.Instance(compiled).exports as Record<string, unknown>;
  return { memory: memory as WebAssembly.Memory, mark: mark as Exports["mark"] };
}

/** Where the table begins of a place in the key, of its bytes' lower (0) or upper (1) half, for eight of the groups. */
function tableAt(place: number, upper: number, octet: number): number {
  return ((place * 2 + upper) * OCTETS + octet) * TABLE_BYTES;
}

// What follows encodes the module as the WebAssembly core specification 2.0, chapter 5, has it.

type Code = readonly number[];

const I32 = 0x7f;
const V128 = 0x7b;
/** The parameters, then the position, then vectors. */
const START = 0;
const COUNT = 1;
const AT = 2;
const LOWER_BITS = 3;
const LOWER = 4;
const UPPER = 5;
/** For each eight of the groups, those that every byte so far agrees with. */
const AGREEING = 6;

/**
 * The kernel: for each block of 16 positions, for each place in the key, a look-up of both half bytes gives the groups that
 * agree with the byte there, and what is left when all places have been seen is a mark.
 */
function encodeModule(): Uint8Array<ArrayBuffer> {
  const body = [
    ...vector(V128_CONST, ...Array<number>(16).fill(15)),
    ...localSet(LOWER_BITS),
    ...[0x02, 0x40, 0x03, 0x40],
    ...[...localGet(AT), ...localGet(COUNT), 0x4f, 0x0d, 1],
    ...Array.from({ length: KEY_BYTES }, (_, place) => encodePlace(place)).flat(),
    ...encodeMarks(),
    ...[...localGet(AT), ...constant(BLOCK_BYTES), 0x6a, ...localSet(AT)],
    ...[0x0c, 0, 0x0b, 0x0b, 0x0b],
  ];
  const locals = [2, 1, I32, 3 + OCTETS, V128];
  const code = [...locals, ...body];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, I32, I32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0x00, ...unsigned(PAGES)]),
    ...section(7, [2, ...name("memory"), 0x02, 0, ...name("mark"), 0x00, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}

/** The look-ups for the byte at `place` of the key. */
function encodePlace(place: number): Code {
  const lookUp = (upper: number, octet: number): Code => [
    ...load(localGet(START), tableAt(place, upper, octet)),
    ...localGet(upper === 0 ? LOWER : UPPER),
    ...vector(SWIZZLE),
  ];
  return [
    ...[
      ...load([...localGet(START), ...localGet(AT), 0x6a], TEXT_AT + place),
      ...localTee(UPPER),
      ...localGet(LOWER_BITS),
      ...vector(AND),
    ],
    ...localSet(LOWER),
    ...[...localGet(UPPER), ...constant(4), ...vector(SHIFT_RIGHT), ...localGet(LOWER_BITS), ...vector(AND)],
    ...localSet(UPPER),
    ...Array.from({ length: OCTETS }, (_, octet) => [
      ...[...lookUp(0, octet), ...lookUp(1, octet), ...vector(AND)],
      ...(place === 0 ? [] : [...localGet(AGREEING + octet), ...vector(AND)]),
      ...localSet(AGREEING + octet),
    ]).flat(),
  ];
}

/** Stores the marks of a block: a bit for each byte in which some group is left. */
function encodeMarks(): Code {
  return [
    ...[...localGet(AT), ...constant(3), 0x76, ...localGet(START), 0x6a],
    ...Array.from({ length: OCTETS }, (_, octet) => localGet(AGREEING + octet)).flat(),
    ...Array.from({ length: OCTETS - 1 }, () => vector(OR)).flat(),
    ...[...vector(V128_CONST, ...Array<number>(16).fill(0)), ...vector(EQUAL), ...vector(BITMASK)],
    ...[...constant(-1), 0x73],
    ...[0x3b, 0, ...unsigned(MARKS_AT)],
  ];
}

const V128_LOAD = 0x00;
const V128_CONST = 0x0c;
const SWIZZLE = 0x0e;
const EQUAL = 0x23;
const AND = 0x4e;
const OR = 0x50;
const BITMASK = 0x64;
/** Of eight numbers of 16 bits. */
const SHIFT_RIGHT = 0x8d;

function vector(operation: number, ...operands: number[]): Code {
  return [0xfd, ...unsigned(operation), ...operands];
}

function load(address: Code, offset: number): Code {
  return [...address, ...vector(V128_LOAD, 0, ...unsigned(offset))];
}

function localGet(local: number): Code {
  return [0x20, local];
}

function localSet(local: number): Code {
  return [0x21, local];
}

function localTee(local: number): Code {
  return [0x22, local];
}

/** `i32.const` of a number from -64 to 63. */
function constant(value: number): Code {
  return [0x41, value & 0x7f];
}

function section(id: number, content: Code): Code {
  return [id, ...unsigned(content.length), ...content];
}

function name(text: string): Code {
  return [text.length, ...Array.from(text, (char) => char.charCodeAt(0))];
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}
