import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { Glob } from "bun";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import { createSanitizer, redactText } from "#src/redact/redact.ts";
import { ordinary } from "./inputs.ts";
import { clean } from "./support.ts";

describe("ordinary text passes unchanged", () => {
  for (const [name, bytes] of ordinary(20_000)) {
    test(name, () => {
      expect(clean(createSanitizer({ knownValues: [], mode: "auto" }), [bytes]).equals(bytes)).toBe(true);
    });
  }

  test.each([
    "commit 2fca6157fcca165438e0f9495cf0e5a4e6f71349",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "id 123e4567-e89b-12d3-a456-426614174000 at 2024-01-02T03:04:05.678Z",
    '{"token_type":"bearer","expires_in":3600,"token":null,"secret":false,"password":"string"}',
    '<input type="password" name="password" autocomplete="current-password">',
    "const token = this.tokenizer.nextToken(); let password = getPassword(user);",
    "git+ssh://git@github.com/a/b.git http://localhost:4873/x ftp://host:21/a",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "set to [protocol://][user[:password]@]proxyhost[:port]",
    "account 123456789012 in eu-west-1; AccountId: 123456789012",
    '{"dependencies":{"verdaccio-htpasswd":"13.0.0-next-8.29","password-prompt":"^1.1.3","x-pass-word":"latest","get-token-secret":"workspace:^10.11.12"}}',
    '{"passwordChangedAt":"2024-01-02T03:04:05.678Z","password_reset_url":"https://example.com/reset?x=1","token-version":"10.20.30-beta.4"}',
    '["password=",12345678,"x"]',
    '["secret:",12345678901,"x"]',
  ])("%p", (text) => {
    expect(redactText(text)).toEqual({ text, findings: new Map() });
  });

  test("random hashes and ids do", () => {
    const hex = fc.uint8Array({ minLength: 20, maxLength: 64 }).map((bytes) => bytes.toHex());
    const integrity = fc.uint8Array({ minLength: 64, maxLength: 64 }).map((bytes) => `sha512-${bytes.toBase64()}`);
    fc.assert(
      fc.property(fc.array(fc.oneof(hex, integrity, fc.uuid())), (values) => {
        const text = JSON.stringify(values.map((integrity) => ({ integrity, _id: integrity, shasum: integrity })));
        expect(redactText(text).text).toBe(text);
      }),
    );
  });

  test("installed scripts do, but for examples of secrets in them", () => {
    let files = 0;
    let changed = 0;
    for (const name of new Glob("{fast-check,@noble,multiformats,elysia}/**/*.js").scanSync({
      cwd: `${import.meta.dir}/../../node_modules`,
    })) {
      if (files >= 300) break;
      const bytes = readFileSync(`${import.meta.dir}/../../node_modules/${name}`);
      files += 1;
      if (!clean(createSanitizer({ knownValues: [], mode: "text" }), [bytes]).equals(bytes)) changed += 1;
    }
    expect(changed).toBeLessThanOrEqual(files / 100);
  });
});

describe("json stays json", () => {
  const hostile = fc.constantFrom(
    "password=",
    '"password":"',
    "secret: ",
    "\\",
    '"',
    "'",
    "`",
    "token='",
    "AKIA",
    "\n",
    "npm_",
    "ab1CD2ef3GH4",
    "https://u:",
    "@h",
    "user = ",
    "-----BEGIN PRIVATE KEY-----",
    "eyJ",
    "NetworkCredential(",
    "Authorization: Basic ",
    "credentials {",
  );
  const text = fc
    .array(fc.oneof(hostile, fc.string({ maxLength: 12 })), { maxLength: 12 })
    .map((parts) => parts.join(""));
  const known = [utf8('quote"back\\'), utf8("nested\\")];
  test("whatever it says", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 2 }),
        fc.dictionary(text, fc.oneof(text, fc.array(text), fc.integer())),
        (value, record) => {
          for (const json of [
            JSON.stringify({ value, record }),
            JSON.stringify([JSON.stringify(record), 'quote"back\\', "nested\\"]),
          ]) {
            const cleaned = clean(createSanitizer({ knownValues: known, mode: "text" }), [utf8(json)]).toString();
            expect(() => JSON.parse(cleaned)).not.toThrow();
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
