/** Where in a JSON text something stands: member names and array indices from the outside in. */
export type JsonPath = readonly (string | number)[];

/** `tests[3].ask.agent`; a name that is no plain word in brackets and quotes. */
export function printPath(path: JsonPath): string {
  const parts = path.map((part) => {
    if (typeof part === "number") return `[${part}]`;
    return /^[A-Za-z_][A-Za-z0-9_]*$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`;
  });
  return parts.join("").replace(/^\./, "");
}

/**
 * The offset at which `path` stands in `text`, a JSON text that parses: of the member's name for an object's, of the value
 * for an array's. Of what is not there, the offset of the innermost that is.
 */
export function offsetOf(text: string, path: JsonPath): number {
  const walker = new Walker(text);
  return walker.find(path);
}

const TOKEN = /\s+|"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/y;

class Walker {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  find(path: JsonPath): number {
    this.skipSpace();
    let found = this.at;
    for (const part of path) {
      const next = typeof part === "number" ? this.enterArray(part) : this.enterObject(part);
      if (next === undefined) return found;
      found = next;
    }
    return found;
  }

  /** Moves to the value of a member and gives the offset of its name. */
  private enterObject(name: string): number | undefined {
    if (this.take() !== "{") return undefined;
    for (;;) {
      const offset = this.at;
      const token = this.take();
      if (!token.startsWith('"')) return undefined;
      this.take();
      if (JSON.parse(token) === name) return offset;
      this.skipValue();
      if (this.take() !== ",") return undefined;
    }
  }

  private enterArray(index: number): number | undefined {
    if (this.take() !== "[") return undefined;
    for (let i = 0; i < index; i += 1) {
      this.skipValue();
      if (this.take() !== ",") return undefined;
    }
    return this.at;
  }

  private skipValue(): void {
    let depth = 0;
    do {
      const token = this.take();
      if (token === "{" || token === "[") depth += 1;
      else if (token === "}" || token === "]") depth -= 1;
      else if (token === "") return;
    } while (depth > 0);
  }

  /** The token here; the walker then stands at the next one. */
  private take(): string {
    TOKEN.lastIndex = this.at;
    const token = TOKEN.exec(this.text)?.[0] ?? "";
    this.at += token.length;
    this.skipSpace();
    return token;
  }

  private skipSpace(): void {
    while (/\s/.test(this.text.charAt(this.at)) && this.at < this.text.length) this.at += 1;
  }
}
