import type { Recorder } from "#src/audit/recorder.ts";
import type { TenantId, TokenId } from "#src/base/ids.ts";
import { type TokenUseRow, touchToken } from "#src/store/tokens.ts";

/** Notes when each credential was last used, and for what. */
export interface KeyUse {
  note(tenant: TenantId, token: TokenId, use: TokenUseRow): void;
  /** Writes what is noted and not written yet. */
  flush(): void;
  /** The same, and writes nothing more by itself. */
  stop(): void;
}

const INTERVAL_MS = 1000;

/** Makes it: of each credential the newest use is written once a second, in one commit with the others. */
export function createKeyUse(recorder: Pick<Recorder, "touch">, intervalMs = INTERVAL_MS): KeyUse {
  let noted = new Map<TokenId, { readonly tenant: TenantId; readonly use: TokenUseRow }>();
  const flush = (): void => {
    if (noted.size === 0) return;
    const uses = noted;
    noted = new Map();
    recorder.touch([...uses].map(([token, { tenant, use }]) => touchToken(tenant, token, use)));
  };
  const timer = setInterval(flush, intervalMs);
  timer.unref();
  return {
    note: (tenant, token, use) => void noted.set(token, { tenant, use }),
    flush,
    stop: () => {
      clearInterval(timer);
      flush();
    },
  };
}
