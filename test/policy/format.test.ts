import { describe, expect, test } from "bun:test";
import { formatPolicySource } from "#src/policy/format.ts";
import { renderTemplate } from "#src/policy/template.ts";
import { shippedTemplates } from "#src/policy/template-library.ts";

function format(source: string): string {
  const result = formatPolicySource(source);
  if ("errors" in result) throw new Error(JSON.stringify(result.errors));
  return result.text;
}

describe("formatPolicySource", () => {
  test("lays policies out, keeping every comment", () => {
    expect(
      format(
        '// why\n@id("a")permit(principal,action,resource)when{context.a==1//x\n};// end\nforbid(principal,action,resource);',
      ),
    ).toBe(
      '// why\n@id("a")\npermit (principal, action, resource)\nwhen\n{\n  context.a == 1 //x\n}; // end\n\nforbid (principal, action, resource);\n',
    );
  });

  test("of what is formatted changes nothing", () => {
    for (const template of shippedTemplates().values()) {
      const once = format(renderTemplate(template, {}, { useExamples: true }));
      expect([template.name, format(once)]).toEqual([template.name, once]);
    }
  });

  test("gives what does not parse, and leaves a source without policies alone", () => {
    expect(formatPolicySource("permit(principal);")).toMatchObject({ errors: [{ line: 1 }] });
    expect(formatPolicySource(`permit(principal, action, resource) when { ${"(".repeat(20_000)}1 };`)).toHaveProperty(
      "errors",
    );
    expect(format("// only a comment")).toBe("// only a comment");
    expect(format("")).toBe("");
  });
});
