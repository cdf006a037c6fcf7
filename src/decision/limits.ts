/** Requests a minute; 0 is unlimited. */
export interface RateLimits {
  readonly perSource: number;
  readonly perAgent: number;
  readonly perTenant: number;
}

/** Who a request counts against. */
export interface RateSubject {
  readonly source: string;
  readonly agent?: string;
  readonly tenant?: string;
}

/** Which limit a request met, and when to come back. */
export interface RateRefusal {
  readonly scope: "source" | "agent" | "tenant";
  readonly retryAfterSeconds: number;
}

/** Limits how often is asked, before anything is decided. */
export interface RateLimiter {
  /** Counts one request, or says which limit it met. `now` in milliseconds. */
  take(subject: RateSubject, now: number): RateRefusal | undefined;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Sources are made up at will: their table is bounded, and full ones are forgotten first. */
const MAX_BUCKETS = 50_000;

/** A token bucket a source, agent and tenant: a minute's worth at once, then an even flow. */
export function createRateLimiter(limits: RateLimits): RateLimiter {
  const scopes = [
    { scope: "source" as const, perMinute: limits.perSource, buckets: new Map<string, Bucket>() },
    { scope: "agent" as const, perMinute: limits.perAgent, buckets: new Map<string, Bucket>() },
    { scope: "tenant" as const, perMinute: limits.perTenant, buckets: new Map<string, Bucket>() },
  ];
  return {
    take: (subject, now) => {
      for (const { scope, perMinute, buckets } of scopes) {
        const key = subject[scope];
        if (perMinute === 0 || key === undefined) continue;
        const wait = takeToken(buckets, key, perMinute, now);
        if (wait > 0) return { scope, retryAfterSeconds: Math.ceil(wait / 1000) };
      }
      return undefined;
    },
  };
}

/** Takes one token; returns 0, or the milliseconds until there is one. */
function takeToken(buckets: Map<string, Bucket>, key: string, perMinute: number, now: number): number {
  const perMillisecond = perMinute / 60_000;
  let bucket = buckets.get(key);
  if (bucket === undefined) {
    if (buckets.size >= MAX_BUCKETS) dropFull(buckets, perMinute, now);
    bucket = { tokens: perMinute, at: now };
    buckets.set(key, bucket);
  }
  bucket.tokens = Math.min(perMinute, bucket.tokens + Math.max(0, now - bucket.at) * perMillisecond);
  bucket.at = now;
  if (bucket.tokens < 1) return (1 - bucket.tokens) / perMillisecond;
  bucket.tokens -= 1;
  return 0;
}

function dropFull(buckets: Map<string, Bucket>, perMinute: number, now: number): void {
  for (const [key, bucket] of buckets) {
    if (bucket.tokens + (now - bucket.at) * (perMinute / 60_000) >= perMinute) buckets.delete(key);
  }
  if (buckets.size >= MAX_BUCKETS) buckets.clear();
}
