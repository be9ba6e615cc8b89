// A package that renders a ConfigMap with a greeting.

import { LineCounter, isMap, isScalar, parseDocument, stringify } from "yaml";

const LABEL = "greeting.example.dev/name";

const SCHEMA = {
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Greeting",
  type: "object",
  additionalProperties: false,
  properties: {
    greeting: { description: "The text of the greeting.", type: "string", default: "hello" },
  },
};

const DEFAULTS = `# The text of the greeting.
greeting: hello
`;

/** Returns an error at a position of the YAML parser. */
function error(code, path, message, position, help) {
  return { severity: "error", code, path, position, message, help };
}

/** Returns the greeting, or throws all errors of the values: what is thrown is the error of the contract's `result`. */
function read(text) {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const position = (node) => {
    const at = lines.linePos(node.range[0]);
    return { line: at.line, column: at.col };
  };
  if (document.errors.length > 0) {
    throw document.errors.map(({ message, linePos: [at] }) =>
      error("yaml-syntax", "", message.split("\n")[0], { line: at.line, column: at.col }),
    );
  }
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return "hello";
  if (!isMap(root)) throw [error("invalid-value", "", "the values are an object", position(root))];
  let greeting = "hello";
  const errors = [];
  for (const { key, value } of root.items) {
    const path = String(key.value);
    if (path !== "greeting") {
      errors.push(
        error("unknown-field", path, `no such field \`${path}\``, position(key), "the only field is `greeting`"),
      );
    } else if (value === null || value.value === null) {
      continue;
    } else if (typeof value.value !== "string") {
      const help = "write text, in quotes if it looks like something else";
      errors.push(error("invalid-value", path, "this is not text", position(value), help));
    } else {
      greeting = value.value;
    }
  }
  if (errors.length > 0) throw errors;
  return greeting;
}

export const renderer = {
  describe: () => ({
    name: "greeting",
    version: "0.1.0",
    summary: "A ConfigMap with a greeting",
    apiVersion: "greeting.example.dev/v1",
    kind: "Greeting",
    appVersions: ["1.0"],
    ownershipLabel: LABEL,
  }),

  schema: () => JSON.stringify(SCHEMA, null, 2) + "\n",

  defaults: () => DEFAULTS,

  render({ name, namespace, values }) {
    const configMap = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace, labels: { [LABEL]: name } },
      data: { greeting: read(values) },
    };
    const manifest = {
      apiVersion: "v1",
      kind: "ConfigMap",
      name,
      namespace,
      fileName: `configmap-${name}.yaml`,
      document: stringify(configMap, { version: "1.1" }),
    };
    return { manifests: [manifest], warnings: [], notes: "" };
  },

  observes: () => [],

  plan() {
    throw [error("no-plan", "", "this package does not plan changes")];
  },
};
