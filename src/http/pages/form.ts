import { fromUtf8 } from "#src/base/bytes.ts";
import { isWritError, WritError } from "#src/base/errors.ts";

/** What a form sent: texts by name, in order. */
export class Form {
  private readonly fields: URLSearchParams;

  constructor(fields: URLSearchParams) {
    this.fields = fields;
  }

  /** A field's text, trimmed; nothing for one that is missing or empty. */
  text(name: string): string | undefined {
    const value = this.fields.get(name)?.trim();
    return value === undefined || value === "" ? undefined : value;
  }

  /** A field's text as it is, with the line ends that it had before the browser made them network ones. */
  raw(name: string): string {
    return (this.fields.get(name) ?? "").replaceAll("\r\n", "\n");
  }

  /** Every text of a field that may be there more than once. */
  all(name: string): readonly string[] {
    return this.fields.getAll(name);
  }

  /** A whole number; `undefined` where nothing was given. Throws `invalid_argument` for anything else. */
  integer(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    if (!/^[0-9]{1,15}$/.test(value)) throw new WritError("invalid_argument", `\`${name}\` must be a whole number`);
    return Number(value);
  }

  /** Texts separated by commas. */
  list(name: string): readonly string[] {
    return (this.text(name) ?? "").split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()]));
  }

  /** What was given, to be drawn back into the form: everything but secrets. */
  values(secrets: readonly string[] = []): Readonly<Record<string, string>> {
    const values: Record<string, string> = Object.create(null);
    for (const name of new Set(this.fields.keys())) {
      if (!secrets.includes(name)) values[name] = this.fields.getAll(name).join(",");
    }
    return values;
  }
}

const FORM_TYPE = /^application\/x-www-form-urlencoded(?:\s*;\s*charset="?utf-8"?)?\s*$/i;

/** Reads what a form sent. Throws `unsupported_media_type`, `body_too_large`, `invalid_argument`. */
export async function readForm(request: Request, maxBytes: number): Promise<Form> {
  const length = request.headers.get("content-length");
  if (length === null || length === "0") return new Form(new URLSearchParams());
  if (Number(length) > maxBytes) throw new WritError("body_too_large", `the form has more than ${maxBytes} bytes`);
  if (!FORM_TYPE.test(request.headers.get("content-type") ?? "")) {
    throw new WritError("unsupported_media_type", "send the form as application/x-www-form-urlencoded");
  }
  try {
    return new Form(new URLSearchParams(fromUtf8(new Uint8Array(await request.arrayBuffer()))));
  } catch (error) {
    if (!isWritError(error)) throw error;
    throw new WritError("invalid_argument", "the form is not well-formed utf-8");
  }
}
