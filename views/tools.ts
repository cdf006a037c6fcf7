import type { FileRule } from "#src/classify/file-rules.ts";
import type { ToolBudgets, ToolRule } from "#src/classify/tool-matrix.ts";
import type { StoredFileRule } from "#src/runs/file-gates.ts";
import { path } from "./address.ts";
import { type FormState, formError, input, select, submit } from "./form.ts";
import { type Content, type Html, html } from "./html.ts";
import { badge, card, code, empty, fold, pageHead, stateBadge, table } from "./parts.ts";

/** What the page of tools and files shows. */
export interface ToolsModel {
  readonly rules: readonly ToolRule[];
  readonly budgets: ToolBudgets;
  readonly builtIn: readonly (readonly [tool: string, tier: string])[];
  readonly stored: readonly StoredFileRule[];
  /** Rules about files that nobody can remove here. */
  readonly above: readonly FileRule[];
  readonly agents: readonly string[];
  /** What agents are called. */
  readonly names: ReadonlyMap<string, string>;
  readonly mayWrite: boolean;
  /** Of the form that did not do. */
  readonly form: FormState;
  readonly failed: "tool" | "budgets" | "file" | undefined;
}

/** The page of tools and files. */
export function toolsPage(model: ToolsModel): Html {
  return html`${pageHead("Tools and files", "What coding agents may do with their tools, how often, and which files they never touch. It holds besides the policies: the stricter one wins.")}${toolsBody(model)}`;
}

/** The part that its actions draw anew. */
export function toolsBody(model: ToolsModel): Html {
  const { mayWrite } = model;
  const lists = html`${matrixCard(model)}${filesCard(model)}`;
  return mayWrite
    ? html`<div id="tools" class="grid-side"><div class="stack-5">${lists}</div><aside class="stack-5">${toolForm(model)}${fileForm(model)}${budgetForm(model)}</aside></div>`
    : html`<div id="tools" class="stack-5">${lists}${budgetFacts(model.budgets)}</div>`;
}

function matrixCard({ rules, builtIn, mayWrite }: ToolsModel): Html {
  return card(
    "Tools",
    html`${
      rules.length === 0
        ? empty("tools", "No line yet", "Without one, what a tool does is judged call by call, and nothing is counted.")
        : table(
            "Tools",
            ["Tool", "At least", "Limits", "A person is asked", "Cost", ""],
            rules.map((rule) => [
              html`${code(rule.tool)}${rule.roles === undefined ? undefined : html`<span class="sub">groups ${rule.roles.join(", ")}</span>`}`,
              rule.tier === undefined ? html`<span class="muted">by the call</span>` : stateBadge(rule.tier),
              limitsOf(rule),
              approvalOf(rule),
              rule.cost ?? 1,
              mayWrite
                ? removal("/tools/removal", "tool", rule.tool, "The line is gone from the next call on.")
                : undefined,
            ]),
          )
    }${fold(
      `What is known without a line (${builtIn.length})`,
      table(
        "Known tools",
        ["Tool", "Tier"],
        builtIn.map(([tool, tier]) => [code(tool), stateBadge(tier)]),
      ),
    )}`,
  );
}

function limitsOf({ maxCallsPerRun, window, offline }: ToolRule): Content {
  const parts = [
    maxCallsPerRun === undefined ? undefined : `${maxCallsPerRun} a run`,
    window === undefined ? undefined : `${window.calls} in ${window.seconds} s`,
    offline === undefined
      ? undefined
      : offline.mode === "deny"
        ? "nothing offline"
        : `offline reads by a policy of at most ${offline.maxAgeSeconds} s`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? html`<span class="muted">none</span>` : parts.join(", ");
}

function approvalOf({ approval }: ToolRule): Content {
  switch (approval?.when) {
    case undefined:
      return html`<span class="muted">as policies say</span>`;
    case "never":
      return "as policies say";
    case "always":
      return badge("always", "warn");
    case "above_calls":
      return `beyond ${approval.calls} calls`;
    case "above_cost":
      return `beyond a cost of ${approval.cost}`;
  }
}

function filesCard({ stored, above, names, mayWrite }: ToolsModel): Html {
  return card(
    "Files",
    html`${
      stored.length === 0
        ? empty("lock", "No rule of your own yet", "Rules only take away: no lower one loosens a higher one.")
        : table(
            "Rules about files",
            ["Files", "Leaves", "About", ""],
            stored.map(({ id, glob, access, agent, level }) => [
              code(glob),
              accessBadge(access),
              agent === null ? (level === "instance" ? "every tenant" : "every agent") : (names.get(agent) ?? agent),
              mayWrite
                ? removal(
                    path`/tools/files/${id}/removal`,
                    undefined,
                    "",
                    "Agents may touch these files again, as far as other rules let them.",
                  )
                : undefined,
            ]),
          )
    }${fold(
      `What holds on every host (${above.length})`,
      table(
        "Rules that stay",
        ["Files", "Leaves", "From"],
        above.map(({ glob, access, level, except }) => [
          html`${code(glob)}${except === undefined ? undefined : html`<span class="sub">but not ${except.join(", ")}</span>`}`,
          accessBadge(access),
          level === "builtin" ? "Writ" : "the host",
        ]),
      ),
    )}`,
  );
}

const ACCESS_WORDS = { noAccess: "nothing", readOnly: "reading", readWrite: "everything" } as const;

function accessBadge(access: FileRule["access"]): Html {
  return badge(ACCESS_WORDS[access], access === "noAccess" ? "bad" : access === "readOnly" ? "warn" : "plain");
}

function removal(address: string, name: string | undefined, value: string, confirm: string): Html {
  return html`<form class="row" hx-post="${address}" hx-target="#tools" hx-swap="outerHTML" hx-confirm="${confirm}">${name === undefined ? undefined : html`<input type="hidden" name="${name}" value="${value}">`}<button type="submit" class="button small danger">Remove</button></form>`;
}

function toolForm(model: ToolsModel): Html {
  const form = model.failed === "tool" ? model.form : { values: {} };
  const { values } = form as FormState;
  const number = (name: string, label: string, hint?: string): Html =>
    input("tool", { name, label, type: "number", value: values[name] ?? "", ...(hint === undefined ? {} : { hint }) });
  return card(
    "Set a line",
    html`<form hx-post="/tools/line" hx-target="#tools" hx-swap="outerHTML">${formError(form)}${input("tool", { name: "tool", label: "Tool", required: true, isCode: true, maxLength: 200, placeholder: "WebFetch", hint: "a name, a family such as /github/issues, or * for all; an older line of it is replaced", value: values["tool"] ?? "" })}${select(
      "tool",
      { name: "tier", label: "At least the tier", required: true, value: values["tier"] ?? "" },
      [
        ["", "as the call says"],
        ["read", "read"],
        ["write", "write"],
        ["danger", "danger"],
      ],
    )}${number("max_calls_per_run", "Calls a run")}${select(
      "tool",
      { name: "approval", label: "Ask a person", required: true, value: values["approval"] ?? "" },
      [
        ["", "as the policies say"],
        ["always", "always"],
        ["above_calls", "beyond so many calls"],
        ["above_cost", "beyond such a cost a day"],
      ],
    )}${fold(
      "More",
      html`<div class="stack">${number("approval_above", "Ask beyond", "so many calls, or such a cost")}${number("window_calls", "Calls of an agent in a time")}${number("window_seconds", "That time, in seconds")}${number("cost", "Cost of a call")}${input("tool", { name: "roles", label: "Groups that may", hint: "separated by commas; every agent unless given", value: values["roles"] ?? "" })}</div>`,
      model.failed === "tool",
    )}<div class="form-end">${submit("Set the line")}</div></form>`,
  );
}

function fileForm(model: ToolsModel): Html {
  const form = model.failed === "file" ? model.form : { values: {} };
  const { values } = form as FormState;
  return card(
    "Add a rule about files",
    html`<form hx-post="/tools/files" hx-target="#tools" hx-swap="outerHTML">${formError(form)}${input("file", { name: "glob", label: "Files", required: true, isCode: true, maxLength: 300, placeholder: "~/.ssh/**", hint: "* within a name, ** for folders", value: values["glob"] ?? "" })}${select(
      "file",
      { name: "access", label: "Leaves", required: true, value: values["access"] ?? "noAccess" },
      [
        ["noAccess", "nothing"],
        ["readOnly", "reading"],
      ],
    )}${select("file", { name: "agent", label: "About", required: true, value: values["agent"] ?? "" }, [
      ["", "every agent"],
      ...model.agents.map((name) => [name, name] as const),
    ])}<div class="form-end">${submit("Add the rule")}</div></form>`,
  );
}

function budgetForm(model: ToolsModel): Html {
  const form = model.failed === "budgets" ? model.form : { values: {} };
  const { budgets } = model;
  const number = (name: string, label: string, value: number | undefined): Html =>
    input("budget", { name, label, type: "number", value: (form as FormState).values[name] ?? `${value ?? ""}` });
  return card(
    "Budgets",
    html`<form hx-post="/tools/budgets" hx-target="#tools" hx-swap="outerHTML">${formError(form)}<p class="muted small-text">In the cost of calls; empty is no budget.</p>${number("run", "A run", budgets.run)}${number("agent_day", "An agent's day", budgets.agentDay)}${number("day", "Everybody's day", budgets.day)}<div class="form-end">${submit("Save")}</div></form>`,
  );
}

function budgetFacts({ run, agentDay, day }: ToolBudgets): Html {
  const shown = [
    ["A run", run],
    ["An agent's day", agentDay],
    ["Everybody's day", day],
  ] as const;
  return card(
    "Budgets",
    table(
      "Budgets",
      ["Of", "At most"],
      shown.map(([name, limit]) => [name, limit ?? "no budget"]),
    ),
  );
}
