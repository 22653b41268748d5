// Forms from JSON schemas: which fields there are, what was typed, and what is sent. Pure: no page, no server.

/** The fields of a schema in groups: [{name: "" or "train.optimizer", about, fields: [{path, name, kind, …}]}]. */
export function groups(schema, required = schema.required ?? [], path = "") {
  const own = { name: path, about: path ? schema.description : "", fields: [] };
  const inner = [];
  for (const [name, field] of Object.entries(schema.properties)) {
    const full = path ? `${path}.${name}` : name;
    if (field.properties) inner.push(...groups(field, field.required, full));
    else own.fields.push({ path: full, name, about: field.description, default: field.default ?? null, required: required.includes(name), ...kind(field) });
  }
  return own.fields.length ? [own, ...inner] : inner;
}

/** What a field holds: "number", "integer", "boolean", "choice" (with `options`), "list", "numbers", "weights" or "text". */
export function kind(field) {
  const plain = field.anyOf ? field.anyOf.find((one) => one.type !== "null") : field;
  const optional = Boolean(field.anyOf?.some((one) => one.type === "null"));
  if (plain.enum) return { kind: "choice", options: plain.enum, optional };
  if (plain.prefixItems) return { kind: "numbers", optional };
  if (plain.type === "array") return { kind: "list", optional };
  if (plain.type === "object") return { kind: "weights", optional };
  return { kind: ["number", "integer", "boolean"].includes(plain.type) ? plain.type : "text", optional };
}

/** A value as a person types it. */
export function typed(value, field) {
  if (value === null || value === undefined) return "";
  if (field.kind === "list") return value.join("\n");
  if (field.kind === "numbers") return value.join(" ");
  if (field.kind === "weights") return Object.entries(value).map(([name, weight]) => `${name} = ${weight}`).join("\n");
  return field.kind === "boolean" ? value : String(value);
}

/** What was typed as a value; text that is no number stays text: the server says what is wrong with it. */
export function meant(text, field) {
  if (field.kind === "boolean") return text;
  const words = String(text).trim();
  if (words === "") return field.kind === "list" || field.kind === "numbers" ? [] : field.kind === "weights" ? {} : field.kind === "text" && !field.optional ? "" : null;
  const number = (one) => (one !== "" && Number.isFinite(Number(one)) ? Number(one) : one);
  if (field.kind === "number" || field.kind === "integer") return number(words);
  if (field.kind === "list") return words.split("\n").map((line) => line.trim()).filter(Boolean);
  if (field.kind === "numbers") return words.split(/[\s,]+/).map(number);
  if (field.kind === "weights") return Object.fromEntries(words.split("\n").filter((line) => line.trim()).map((line) => {
    const [name, weight = ""] = line.split("=").map((part) => part.trim());
    return [name, number(weight)];
  }));
  return words;
}

/** Dotted paths with values -> nested objects: {"train.rows": 4} -> {train: {rows: 4}}. */
export function nested(values) {
  const found = {};
  for (const [path, value] of Object.entries(values)) {
    const parts = path.split(".");
    const last = parts.pop();
    const inner = parts.reduce((at, part) => (at[part] ??= {}), found);
    inner[last] = value;
  }
  return found;
}

/** Nested objects -> dotted paths, for the fields that there are. */
export function flat(values, fields) {
  const at = (path) => path.split(".").reduce((value, part) => value?.[part], values);
  return Object.fromEntries(fields.map((field) => [field.path, at(field.path)]).filter(([, value]) => value !== undefined));
}
