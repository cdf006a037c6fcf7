import { readlink, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isNodeError } from "#src/base/errors.ts";
