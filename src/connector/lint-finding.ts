/** What can be wrong with a table that parses. */
export type LintCode =
  | "case_fold_unknown_parameter"
  | "command_tier_conflict"
  | "encoded_slash_unknown_parameter"
  | "form_unknown_parameter"
  | "malformed_command"
  | "malformed_route"
  | "name_clash"
  | "personal_unknown_name"
  | "resource_without_parameter"
  | "shadowed_route"
  | "tier_lowered"
  | "unknown_parameter"
  | "unknown_tier"
  | "unused_parameter";

/** One fault: where (`routes[3]`, or the table's field) and what, in words. */
export interface LintFinding {
  readonly code: LintCode;
  readonly place: string;
  readonly message: string;
}
