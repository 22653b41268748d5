// Simulation 18, without its looks: the events of an agent's run become a timeline.

/** Nothing has happened yet. */
export const EMPTY = { run: null, entries: [], waits: null, answered: false };

/**
 * One more event -> the timeline as it then stands. Entries are, in order of time:
 * {kind: "read", tokens} what the model was fed, {kind: "wrote", tokens} what it wrote, {kind: "call", name, arguments},
 * {kind: "result", text} what the call came to, {kind: "answer", text, forced}.
 */
export function after(timeline, event) {
  const entries = timeline.entries;
  if (event.type === "opened") return { ...timeline, run: event.run };
  if (event.type === "fed") return { ...timeline, entries: [...entries, { kind: "read", tokens: event.tokens }] };
  if (event.type === "token") {
    const last = entries.at(-1);
    if (last?.kind !== "wrote") return { ...timeline, entries: [...entries, { kind: "wrote", tokens: [event] }] };
    return { ...timeline, entries: [...entries.slice(0, -1), { kind: "wrote", tokens: [...last.tokens, event] }] };
  }
  if (event.type === "waits") return { ...timeline, waits: event };
  const { kind, ...step } = event.step;
  if (kind === "Action") return { ...timeline, entries: [...entries, { kind: "call", ...step }] };
  if (kind === "Observation") return { ...timeline, waits: null, entries: [...entries, { kind: "result", text: step.text }] };
  if (kind === "FinalAnswer") return { ...timeline, answered: true, entries: [...entries, { kind: "answer", ...step }] };
  return timeline; // the task, and thoughts, whose tokens are there already
}

/** All tokens in order: {id, text, wrote, logprob}; `wrote`: by the model, so they would be trained on. */
export function tokensOf(timeline) {
  return timeline.entries.flatMap((entry) => (entry.tokens ?? []).map((token) => ({
    id: token.id, text: token.text, wrote: entry.kind === "wrote", logprob: token.logprob ?? null,
  })));
}

/** A call as Python would write it: calculator(expression="12*7"). */
export function callText(name, args) {
  if (typeof args !== "object" || args === null || Array.isArray(args)) return `${name}(${JSON.stringify(args)})`;
  return `${name}(${Object.entries(args).map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(", ")})`;
}

/** What was typed for an argument, as the type that it had. */
export function edited(text, before) {
  if (typeof before === "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
