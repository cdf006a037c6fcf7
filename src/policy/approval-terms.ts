/** The widest grant that policies leave to whoever approves. */
export interface GrantBounds {
  /** Uses of a grant that is counted. */
  readonly uses: number;
  /** How long a grant may hold, whatever the number of its uses; null where only counted ones may be given. */
  readonly seconds: number | null;
  /** Whether it may be given for the command on the resource rather than for the very call. */
  readonly resource: boolean;
  /** Whether it may be given for all of the run that asks. */
  readonly run: boolean;
}

/** What policies ask of an approval. */
export interface ApprovalTerms {
  /** How many people must say yes. */
  readonly quorum: number;
  /** Whoever decides is in one group of each list; a group is a role or a named group of people. */
  readonly approvers: readonly (readonly string[])[];
  /** Whether a yes needs a comment. */
  readonly comment: boolean;
  /** Who may decide as well once it has waited for so long. */
  readonly escalation: { readonly seconds: number; readonly group: string } | null;
  readonly grants: GrantBounds;
}

/** A policy's annotations by name. */
export type Annotations = Readonly<Record<string, string>>;

/** What holds where policies say nothing: one person, one use of exactly this call. */
export const PLAIN_TERMS: ApprovalTerms = {
  quorum: 1,
  approvers: [],
  comment: false,
  escalation: null,
  grants: { uses: 1, seconds: null, resource: false, run: false },
};

const MAX_QUORUM = 10;
const MAX_USES = 1000;
const MAX_SECONDS = 30 * 86_400;
const GROUP = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;
const UNIT_SECONDS: ReadonlyMap<string, number> = new Map([
  ["s", 1],
  ["m", 60],
  ["h", 3600],
  ["d", 86_400],
]);

/** The annotations of approvals that are malformed, each with what it should be; empty where all are well. */
export function approvalAnnotationProblems(annotations: Annotations): readonly string[] {
  return [...PARSERS].flatMap(([name, { parse, form }]) => {
    const value = annotationIn(annotations, name);
    return value === undefined || parse(value) !== undefined ? [] : [`\`@${name}\` must be ${form}`];
  });
}

/**
 * What an approval needs under the policies of a step-up; the strictest wins wherever several speak.
 *
 * @param all the policies that ask and those that permit: quorum, groups, comment and escalation
 * @param binding those that say what a person may grant: every one of them must leave it to the person
 * @returns undefined where an annotation is malformed, so that nobody knows what was meant
 */
export function readApprovalTerms(
  all: readonly Annotations[],
  binding: readonly Annotations[],
): ApprovalTerms | undefined {
  if ([...all, ...binding].some((annotations) => approvalAnnotationProblems(annotations).length > 0)) return undefined;
  const quorums = annotationsIn(all, "quorum").map((value) => parseQuorum(value) ?? MAX_QUORUM);
  const approvers = [...new Set(annotationsIn(all, "approvers"))].sort().map((value) => parseGroups(value) ?? []);
  const escalations = annotationsIn(all, "escalate").flatMap((value) => parseEscalation(value) ?? []);
  const bounds = binding.map((annotations) => parseGrant(annotationIn(annotations, "grant") ?? "once") ?? ONCE);
  return {
    quorum: Math.max(1, ...quorums),
    approvers,
    comment: annotationsIn(all, "comment").length > 0,
    escalation: escalations.sort((a, b) => b.seconds - a.seconds)[0] ?? null,
    grants: bounds.length === 0 ? ONCE : bounds.reduce(narrower),
  };
}

const ONCE: GrantBounds = PLAIN_TERMS.grants;

const PARSERS: ReadonlyMap<string, { readonly parse: (value: string) => unknown; readonly form: string }> = new Map([
  ["quorum", { parse: parseQuorum, form: `a number of people, 1 to ${MAX_QUORUM}` }],
  ["approvers", { parse: parseGroups, form: "groups, such as `security` or `security, owner`" }],
  ["comment", { parse: (value: string) => (value === "required" ? true : undefined), form: "`required`" }],
  ["escalate", { parse: parseEscalation, form: "a time and a group, such as `10m:security`" }],
  [
    "grant",
    {
      parse: parseGrant,
      form: "`once`, or of `uses:10`, `until:1h`, `run` and `resource` those that hold, with commas",
    },
  ],
]);

function parseQuorum(value: string): number | undefined {
  const number = /^[0-9]{1,2}$/.test(value) ? Number(value) : 0;
  return number >= 1 && number <= MAX_QUORUM ? number : undefined;
}

function parseGroups(value: string): readonly string[] | undefined {
  const groups = value.split(",").map((group) => group.trim());
  return groups.every((group) => GROUP.test(group)) ? [...new Set(groups)].sort() : undefined;
}

function parseEscalation(value: string): ApprovalTerms["escalation"] | undefined {
  const [time = "", group = "", ...rest] = value.split(":").map((part) => part.trim());
  const seconds = parseSeconds(time);
  return seconds === undefined || rest.length > 0 || !GROUP.test(group) ? undefined : { seconds, group };
}

function parseGrant(value: string): GrantBounds | undefined {
  let bounds = ONCE;
  for (const part of value.split(",").map((text) => text.trim())) {
    const wider = widen(bounds, part);
    if (wider === undefined) return undefined;
    bounds = wider;
  }
  return bounds;
}

function widen(bounds: GrantBounds, part: string): GrantBounds | undefined {
  if (part === "once") return bounds;
  if (part === "resource") return { ...bounds, resource: true };
  if (part === "run") return { ...bounds, run: true };
  const [name, number = "", ...rest] = part.split(":");
  if (rest.length > 0) return undefined;
  if (name === "until") {
    const seconds = parseSeconds(number);
    return seconds === undefined ? undefined : { ...bounds, seconds };
  }
  const uses = name === "uses" && /^[0-9]{1,4}$/.test(number) ? Number(number) : 0;
  return uses >= 1 && uses <= MAX_USES ? { ...bounds, uses } : undefined;
}

function narrower(a: GrantBounds, b: GrantBounds): GrantBounds {
  return {
    uses: Math.min(a.uses, b.uses),
    seconds: a.seconds === null || b.seconds === null ? null : Math.min(a.seconds, b.seconds),
    resource: a.resource && b.resource,
    run: a.run && b.run,
  };
}

function parseSeconds(text: string): number | undefined {
  const [, number = "", unit = ""] = /^([0-9]{1,6})([smhd])$/.exec(text) ?? [];
  const seconds = Number(number) * (UNIT_SECONDS.get(unit) ?? 0);
  return seconds >= 1 && seconds <= MAX_SECONDS ? seconds : undefined;
}

function annotationsIn(list: readonly Annotations[], name: string): string[] {
  return list.flatMap((annotations) => annotationIn(annotations, name) ?? []);
}

function annotationIn(annotations: Annotations, name: string): string | undefined {
  return Object.hasOwn(annotations, name) ? annotations[name] : undefined;
}
