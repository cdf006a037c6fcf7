import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { acquireSetName, cedarVersions, parsePolicyText, releaseSetName, validatePolicies } from "#src/policy/cedar.ts";

/** Runs a script that imports the engine in a process of its own and gives what it printed. */
function runApart(script: string): string {
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script], { cwd: resolve(import.meta.dir, "../..") });
  return stdout.toString().trim();
}

describe("the engine", () => {
  test("names its versions", () => {
    expect(cedarVersions().engine).toMatch(/^\d+\.\d+\.\d+$/);
    expect(cedarVersions().language).toMatch(/^\d+\.\d+/);
  });

  test("that trapped says so and answers nothing more", () => {
    const printed = runApart(`
      import { isCedarBroken, parsePolicyText } from "#src/policy/cedar.ts";
      const attempt = (text) => { try { return parsePolicyText(text).effect } catch (error) { return error.code } };
      const deep = "(".repeat(20000) + "1" + ")".repeat(20000);
      const scope = "(principal, action, resource)";
      console.log(attempt("permit" + scope + ";"), isCedarBroken(), attempt("permit" + scope + "when{" + deep + "==1};"),
        isCedarBroken(), attempt("permit" + scope + ";"));
    `);
    expect(printed).toBe("permit false internal true internal");
  });

  test("gives problems with the byte where they are", () => {
    expect(parsePolicyText('permit("é" principal);')).toEqual([
      expect.objectContaining({ startByte: 7, message: expect.any(String) }),
    ]);
  });

  test("reports a schema that does not parse as a problem of the validation", () => {
    expect(validatePolicies(new Map(), "entity {")).toHaveLength(1);
  });

  test("hands names out once, and again when they come back", () => {
    const [a, b] = [acquireSetName(), acquireSetName()];
    expect(a).not.toBe(b);
    releaseSetName(a);
    expect(acquireSetName()).toBe(a);
    releaseSetName(a);
    releaseSetName(b);
  });
});
