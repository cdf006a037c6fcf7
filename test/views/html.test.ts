import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { path, withQuery } from "#views/address.ts";
import { Attribute, attribute, Html, html, join, type TemplateValue, verbatim } from "#views/html.ts";

/** Texts that have broken pages before, and any others. */
const HOSTILE = fc.oneof(
  fc.constantFrom(
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "</textarea><script>alert(1)</script>",
    "</title><svg/onload=alert(1)>",
    "<!--",
    "-->",
    "&lt;script&gt;",
    "`onclick=alert(1)`",
    "\u202egnp.exe",
    "\ud800",
    "\0",
    "]]>",
    "<hx-partial target='body'>",
    "js:alert(1)",
    "{{constructor.constructor('alert(1)')()}}",
  ),
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme" }),
);

/** What a browser would make of markup: Bun's own streaming parser, an implementation that is not ours. */
function parse(markup: string): {
  readonly elements: readonly string[];
  readonly attributes: readonly (readonly [string, string])[];
} {
  const elements: string[] = [];
  const attributes: (readonly [string, string])[] = [];
  new HTMLRewriter()
    .on("*", {
      element: (element) => {
        elements.push(element.tagName);
        for (const [name, value] of element.attributes) attributes.push([name, value]);
      },
    })
    .transform(markup);
  return { elements, attributes };
}

describe("a text in a template", () => {
  test("never becomes markup, between tags, in attributes, in fields and in addresses", () => {
    fc.assert(
      fc.property(HOSTILE, (text) => {
        const made = html`<p title="${text}" data-copy='${text}'>${text}</p><textarea name="x">${text}</textarea><a href="/agents/${text}?q=${text}">${[text, html`<b>${text}</b>`]}</a>${attribute("value", text) && html`<input${attribute("value", text)}>`}`;
        const { elements, attributes } = parse(made.toString());
        expect(elements).toEqual(["p", "textarea", "a", "b", "input"]);
        expect(attributes.map(([name]) => name)).toEqual(["title", "data-copy", "name", "href", "value"]);
      }),
    );
  });

  test("is the same text again once it is read as html, but for what cannot be encoded", () => {
    fc.assert(
      fc.property(HOSTILE, (text) => {
        const expected = text.toWellFormed().replaceAll("\0", "\ufffd");
        expect(decode(verbatim(text).toString())).toBe(expected);
        const [, value] = /value="([^"]*)"/.exec(html`<input value="${text}">`.toString()) ?? [];
        expect(decode(value ?? "missing")).toBe(expected);
      }),
    );
  });

  test("in an address stays one segment, whatever it says", () => {
    fc.assert(
      fc.property(HOSTILE, (text) => {
        const [, href = ""] = /href="([^"]*)"/.exec(html`<a href="/agents/${text}/keys">x</a>`.toString()) ?? [];
        const url = new URL(decode(href), "http://localhost");
        expect(url.origin).toBe("http://localhost");
        if (text !== "" && text !== "." && text !== "..") expect(url.pathname.split("/")).toHaveLength(4);
        expect(url.hash + url.search).toBe("");
      }),
    );
  });

  test("that turns direction is shown as what it is", () => {
    expect(html`<p>${"in\u202evoice"}</p>`.toString()).toBe("<p>in[U+202E]voice</p>");
  });

  test("that nobody sees is shown as what it is, and what is seen stays", () => {
    const hidden = "a\u200bb\u2060\ufeff\u{e0041}\u{e0100}";
    expect(html`<pre>${hidden}</pre>`.toString()).toBe("<pre>a[U+200B]b[U+2060][U+FEFF][U+E0041][U+E0100]</pre>");
    const seen = "na\u00efve \u2764\ufe0f \u{1f469}\u200d\u{1f4bb} \u0645\u06cc\u200c\u062e\u0648\tx\n";
    expect(html`<pre>${seen}</pre>`.toString()).toBe(`<pre>${seen}</pre>`);
  });
});

describe("an address", () => {
  test("that a value begins is a path of this server, or nothing is drawn", () => {
    for (const address of [
      "javascript:alert(1)",
      "//evil.example",
      "/\\evil.example",
      "https://evil.example",
      "",
      " /x",
      "data:text/html,x",
    ]) {
      expect(() => html`<a href="${address}">x</a>`).toThrow(TypeError);
      expect(() => html`<form action="${address}"></form>`).toThrow(TypeError);
      expect(() => html`<button hx-post="${address}"></button>`).toThrow(TypeError);
    }
    expect(html`<a href="${"/a?b=c#d"}">x</a>`.toString()).toBe('<a href="/a?b=c#d">x</a>');
  });

  test("is made of encoded segments and values", () => {
    expect(path`/agents/${"a/b?c"}/keys`).toBe("/agents/a%2Fb%3Fc/keys");
    expect(withQuery("/events", { type: "a&b", before: 3, agent: undefined, until: "" })).toBe(
      "/events?type=a%26b&before=3",
    );
  });
});

describe("a template", () => {
  test("refuses a value where none can be safe", () => {
    const value = "x";
    expect(() => html`<${value}>`).toThrow(TypeError);
    expect(() => html`<p class=${value}>`).toThrow(TypeError);
    expect(() => html`<p ${value}="y">`).toThrow(TypeError);
    expect(() => html`<script>${value}</script>`).toThrow(TypeError);
    expect(() => html`<style>${value}</style>`).toThrow(TypeError);
    expect(() => html`<!-- ${value} -->`).toThrow(TypeError);
    expect(() => html`<p title="${value}>`).toThrow(TypeError);
  });

  test("refuses what the policy of pages forbids", () => {
    expect(() => html`<p style="color:red">${1}</p>`).toThrow(TypeError);
    expect(() => html`<p onclick="x()">${1}</p>`).toThrow(TypeError);
    expect(() => html`<p hx-on:click="x()">${1}</p>`).toThrow(TypeError);
    expect(() => html`<p hx-vals="js:x">${1}</p>`).toThrow(TypeError);
    for (const name of ["onclick", "style", "href", "src", "a b", "x>"])
      expect(() => attribute(name, "y")).toThrow(TypeError);
  });

  test("takes lists, numbers and nothing, and no objects that merely look like markup", () => {
    expect(html`<ul>${[1, undefined, false, null, html`<li>2</li>`, [3]]}</ul>`.toString()).toBe(
      "<ul>1<li>2</li>3</ul>",
    );
    expect(join(["<", html`<b></b>`]).toString()).toBe("&lt;<b></b>");
    const forged = { toString: () => "<script>", text: "<script>" } as unknown as TemplateValue;
    expect(() => html`<p>${forged}</p>`).toThrow(TypeError);
    expect(() => html`<p title="${html`<b></b>`}"></p>`).toThrow(TypeError);
    expect(() => html`<p>${attribute("title", "x")}</p>`).toThrow(TypeError);
    expect(() => new Html(Symbol("trust") as never, "<script>")).toThrow(TypeError);
    expect(() => new Attribute(Symbol("trust") as never, " onclick=x")).toThrow(TypeError);
  });

  test("draws an attribute that is true without a value, and one that is false not at all", () => {
    expect(
      html`<input${attribute("required", true)}${attribute("disabled", false)}${attribute("max", 3)}>`.toString(),
    ).toBe('<input required max="3">');
  });
});

function decode(markup: string): string {
  const names: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', amp: "&" };
  return markup.replace(/&(?:#(\d+)|(lt|gt|quot|amp));/g, (_, code, name) =>
    code === undefined ? (names[name] ?? "") : String.fromCodePoint(Number(code)),
  );
}
