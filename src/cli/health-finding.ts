/** One thing that was looked at. */
export interface Finding {
  readonly state: "ok" | "warn" | "fail";
  readonly what: string;
  readonly why: string;
}
