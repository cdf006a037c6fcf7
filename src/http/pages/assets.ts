import htmx from "htmx.org/dist/htmx.min.js" with { type: "text" };
import { utf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import style from "#views/assets/app.css" with { type: "text" };
import script from "#views/assets/app.js" with { type: "text" };
import icon from "#views/assets/icon.svg" with { type: "text" };
import type { AssetAddresses } from "#views/layout.ts";
import { type Route, route } from "../route.ts";

/** A file that pages load, as it is served. */
interface Asset {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly gzipped: Uint8Array;
  readonly type: string;
}

const HASH_CHARACTERS = 12;

/** The name holds a hash of the content: what is kept under it never changes, and what changed has another one. */
function asset(stem: string, extension: string, type: string, text: string): Asset {
  const name = `${stem}.${sha256Hex(text).slice(0, HASH_CHARACTERS)}.${extension}`;
  const bytes = utf8(text);
  return { name, bytes, gzipped: Bun.gzipSync(bytes), type };
}

const JAVASCRIPT = "text/javascript; charset=utf-8";

const STYLE = asset("app", "css", "text/css; charset=utf-8", style);
const SCRIPT = asset("app", "js", JAVASCRIPT, script);
// The map that the last line names is not served: the browser's tools would ask for it in vain.
const HTMX = asset("htmx", "js", JAVASCRIPT, htmx.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, "\n"));
const ICON = asset("icon", "svg", "image/svg+xml", icon);

const ASSETS: ReadonlyMap<string, Asset> = new Map([STYLE, SCRIPT, HTMX, ICON].map((file) => [file.name, file]));

/** Where the files are that every page loads. */
export const ASSET_ADDRESSES: AssetAddresses = {
  style: `/assets/${STYLE.name}`,
  script: `/assets/${SCRIPT.name}`,
  htmx: `/assets/${HTMX.name}`,
  icon: `/assets/${ICON.name}`,
};

/** `GET /assets/{file}`: compiled in, served from memory, kept by browsers for good. */
export const SERVE_ASSET: Route = route({
  method: "GET",
  path: "/assets/{file}",
  summary: "Give a file that the admin pages load",
  who: ["anyone", "operator", "person"],
  isUnlimited: true,
  isPage: true,
  produces: "text/plain",
  answers: { 200: "The file" },
  handle: (exchange) => {
    const found = ASSETS.get(exchange.param("file"));
    if (found === undefined) throw new WritError("not_found");
    const isGzip = /\bgzip\b/.test(exchange.header("accept-encoding") ?? "");
    return {
      body: isGzip ? found.gzipped : found.bytes,
      contentType: found.type,
      headers: {
        "cache-control": "public, max-age=31536000, immutable",
        vary: "accept-encoding",
        ...(isGzip ? { "content-encoding": "gzip" } : {}),
      },
    };
  },
});
