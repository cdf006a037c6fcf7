/** A control of a framework, and the event types that speak to it. */
export interface Control {
  readonly framework: "SOC 2" | "HIPAA";
  /** As the framework numbers it. */
  readonly id: string;
  /** What it asks for, in our words. */
  readonly asks: string;
  /** Event types, or what begins them at a dot. */
  readonly types: readonly string[];
}

/** What stands wherever the map is shown. */
export const CONTROL_MAP_NOTE =
  "This map says which records speak to which control. It is no legal determination, no audit opinion and no statement that a control is met: whether it is, people judge who know the whole environment.";

/**
 * Which records speak to which control: trust services criteria of SOC 2 (2017, points of focus of 2022) and the security
 * rule of HIPAA (45 CFR part 164, subpart C).
 */
export const CONTROLS: readonly Control[] = [
  {
    framework: "SOC 2",
    id: "CC6.1",
    asks: "logical access is restricted: each request is decided by policy, each credential is known",
    types: [
      "decision",
      "evaluation",
      "writ",
      "key",
      "file_rule",
      "tool_rule",
      "tool_budgets",
      "type_map",
      "entity",
      "run",
    ],
  },
  {
    framework: "SOC 2",
    id: "CC6.2",
    asks: "who gets access is registered and authorised first, and loses it when it ends",
    types: [
      "person",
      "people",
      "agent",
      "device",
      "passkey",
      "recovery_code",
      "recovery_codes",
      "session",
      "token",
      "tenant",
      "subject",
    ],
  },
  {
    framework: "SOC 2",
    id: "CC6.3",
    asks: "access follows roles and least privilege, and duties are separated",
    types: ["policy", "person.roles_changed", "approver_group", "approval", "emergency"],
  },
  {
    framework: "SOC 2",
    id: "CC6.6",
    asks: "what comes from outside the boundary is held off",
    types: ["key.refused", "session.refused", "request.rate_limited", "writ.refused", "connection", "connector"],
  },
  {
    framework: "SOC 2",
    id: "CC6.7",
    asks: "the movement of information is restricted and protected",
    types: ["call", "connection", "audit.exported", "stream", "backup"],
  },
  {
    framework: "SOC 2",
    id: "CC7.1",
    asks: "changes of configuration that open a weakness are noticed",
    types: ["connection", "connector", "tenant.configured", "policy", "witness", "clock"],
  },
  {
    framework: "SOC 2",
    id: "CC7.2",
    asks: "what is unusual is watched for",
    types: [
      "decision.denied",
      "key.refused",
      "session.refused",
      "writ.refused",
      "request.rate_limited",
      "checkpoint",
      "archive",
      "stream",
      "notification",
    ],
  },
  {
    framework: "SOC 2",
    id: "CC7.3",
    asks: "security events are evaluated",
    types: ["emergency.reviewed", "approval", "policy.explained", "decision.undelivered"],
  },
  {
    framework: "SOC 2",
    id: "CC7.4",
    asks: "incidents are responded to",
    types: [
      "stop",
      "writ.revoked",
      "key.revoked",
      "agent.disabled",
      "connection.disabled",
      "tenant.disabled",
      "emergency",
    ],
  },
  {
    framework: "SOC 2",
    id: "CC7.5",
    asks: "there is recovery from incidents",
    types: ["backup", "archive", "people.recovered_by_host", "recovery_code.used", "key.rotated", "key.resealed"],
  },
  {
    framework: "SOC 2",
    id: "CC8.1",
    asks: "changes are authorised, tested, approved and documented",
    types: ["policy", "connector.changed", "type_map.changed", "tool_rule", "file_rule", "approver_group"],
  },
  {
    framework: "HIPAA",
    id: "164.308(a)(1)(ii)(D)",
    asks: "records of system activity are reviewed",
    types: ["audit.exported", "checkpoint", "emergency.reviewed", "policy.explained"],
  },
  {
    framework: "HIPAA",
    id: "164.308(a)(3)",
    asks: "the workforce has the access it should have, and no other",
    types: ["person", "people", "agent", "device", "approver_group"],
  },
  {
    framework: "HIPAA",
    id: "164.308(a)(4)",
    asks: "access to information is granted and changed by policy",
    types: [
      "policy",
      "decision",
      "evaluation",
      "approval",
      "entity",
      "type_map",
      "tool_rule",
      "tool_budgets",
      "file_rule",
      "run",
    ],
  },
  {
    framework: "HIPAA",
    id: "164.308(a)(5)(ii)(C)",
    asks: "sign-ins are monitored",
    types: ["session", "key.refused", "request.rate_limited"],
  },
  {
    framework: "HIPAA",
    id: "164.308(a)(6)(ii)",
    asks: "incidents are met, and documented with their outcome",
    types: ["stop", "writ.revoked", "key.revoked", "emergency", "decision.undelivered", "notification"],
  },
  {
    framework: "HIPAA",
    id: "164.308(a)(7)",
    asks: "there are copies to recover from",
    types: ["backup", "archive"],
  },
  {
    framework: "HIPAA",
    id: "164.312(a)(1)",
    asks: "information is reachable for those alone who were granted it",
    types: ["decision", "evaluation", "writ", "call", "connection", "connector"],
  },
  {
    framework: "HIPAA",
    id: "164.312(a)(2)(i)",
    asks: "everybody has an identity of their own",
    types: ["agent.created", "person.invited", "passkey", "device", "key.issued", "token"],
  },
  {
    framework: "HIPAA",
    id: "164.312(a)(2)(ii)",
    asks: "there is access in an emergency",
    types: ["emergency", "recovery_code", "recovery_codes", "people.recovered_by_host"],
  },
  {
    framework: "HIPAA",
    id: "164.312(b)",
    asks: "activity is recorded, and the record can be examined",
    types: ["call", "decision", "evaluation", "checkpoint", "archive", "stream", "audit.exported", "subject", "clock"],
  },
  {
    framework: "HIPAA",
    id: "164.312(c)(1)",
    asks: "information is protected from being changed unnoticed",
    types: ["checkpoint", "witness", "key.rotated", "archive"],
  },
  {
    framework: "HIPAA",
    id: "164.312(d)",
    asks: "whoever asks is who they say",
    types: ["session", "passkey", "key", "writ.refused", "approval.vouched", "approval.approved", "device"],
  },
  {
    framework: "HIPAA",
    id: "164.312(e)(1)",
    asks: "information on its way is protected",
    types: ["connection", "call", "writ", "stream"],
  },
];

/** Whether an event type is one of these, or begins with one of them at a dot. */
export function speaksTo({ types }: Control, type: string): boolean {
  return types.some((begin) => type === begin || type.startsWith(`${begin}.`));
}
