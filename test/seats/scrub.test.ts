import { expect, test } from "bun:test";
import { utf8 } from "#src/base/bytes.ts";
import { createScrub } from "#src/cli/seat/scrub.ts";

test("a known value is taken out however it is cut, and what is quiet is shown", async () => {
  let seen = "";
  const scrub = createScrub([utf8("a-known-value-of-some-length")], (bytes) => {
    seen += new TextDecoder().decode(bytes);
  });
  scrub.push(utf8("before a-known-va"));
  scrub.push(utf8("lue-of-some-length after"));
  scrub.finish();
  expect(seen).toBe("before [redacted:known-value] after");
  seen = "";
  scrub.push(utf8("prompt: a-kno"));
  await Bun.sleep(120);
  expect(seen).toBe("prompt: a-kno");
});
