// Builds the component: node build.mjs WIT OUT.wasm

import { writeFile } from "node:fs/promises";

import { componentize } from "@bytecodealliance/componentize-js";
import { build } from "esbuild";

const [wit, out] = process.argv.slice(2);
const { outputFiles } = await build({ entryPoints: ["app.js"], bundle: true, format: "esm", write: false });
const { component } = await componentize(outputFiles[0].text, {
  witPath: wit,
  // The name is a keyword of WIT.
  worldName: "%package",
  // Nothing is imported then.
  disableFeatures: ["stdio", "random", "clocks", "http", "fetch-event"],
});
await writeFile(out, component);
