import { setDefaultTimeout } from "bun:test";

// `timeout` in bunfig.toml does not hold for hooks, and a busy machine makes setting up slow.
setDefaultTimeout(30_000);
