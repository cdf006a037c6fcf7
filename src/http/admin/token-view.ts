import { toRfc3339 } from "#src/base/clock.ts";
import type { TokenInfo } from "#src/identity/tokens.ts";
import type { TokenUseRow } from "#src/store/tokens.ts";

/** A credential as it is answered: everything but its secret. */
export function renderToken(token: TokenInfo, lastUse?: TokenUseRow | null): Readonly<Record<string, unknown>> {
  return {
    id: token.id,
    kind: token.kind,
    ...(token.agent === null ? {} : { agent: token.agent }),
    name: token.name,
    environment: token.environment,
    sources: token.sources,
    created_at: toRfc3339(token.createdAt),
    ...(token.expiresAt === null ? {} : { expires_at: toRfc3339(token.expiresAt) }),
    ...(token.revokedAt === null ? {} : { revoked_at: toRfc3339(token.revokedAt) }),
    ...(lastUse === undefined ? {} : { last_use: lastUse === null ? null : renderUse(lastUse) }),
  };
}

function renderUse(use: TokenUseRow): Readonly<Record<string, unknown>> {
  return {
    at: toRfc3339(use.lastAt),
    command: use.lastCommand,
    outcome: use.lastOutcome,
    source: use.lastSource,
  };
}
