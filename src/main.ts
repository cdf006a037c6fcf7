import { PRODUCT_VERSION } from "./base/version.ts";

process.stdout.write(`writ ${PRODUCT_VERSION}\n`);
