import { run } from "./cli/run.ts";
import { removeProxyVariables } from "./config/env.ts";

removeProxyVariables();

const startApp = async () => (await import("./app.ts")).startApp;

void run(process.argv.slice(2), startApp).then((code) => process.exit(code));
