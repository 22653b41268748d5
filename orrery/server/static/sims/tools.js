// Simulation 18: a tool trace with a breakpoint. Before each call the reader approves, edits or denies it.
import { ApiError, post, stream } from "../kit/api.js";
import { Button, TextInput, Toggle, Trouble, Waiting } from "../kit/controls.js";
import { Figure } from "../kit/figure.js";
import { number } from "../kit/format.js";
import { html, names, useEffect, useRef, useState } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { Tokens } from "../kit/tokens.js";
import { EMPTY, after, callText, edited, tokensOf } from "./tools.model.js";

const DEFAULTS = { model: "", question: "What is 12 times 7?", ask: true };
const MOST_TOKENS = 96; // of a message: a small model does not always find an end
const PATIENCE = 1000; // ms between two tries while the engine starts
const HEADS = {
  read: "The model reads", wrote: "The model writes", call: "The call, parsed", result: "What comes back", answer: "The answer",
};
const SHOWS = "orrery.agents.loop.observe";

export default function Tools() {
  const [state, setState] = useUrlState("tools", DEFAULTS);
  const list = useModels("assistant");
  const model = modelOr(list?.toSorted((a, b) => (b.stage === "sft") - (a.stage === "sft")), state.model); // tuning shows calls; later stages may forget them
  const run = useAgent(model, state);
  const ready = useStyle("sims/tools.css");
  if (!ready) return null;
  if (list && !list.length) return html`<p class="empty">No assistant yet: a run tunes one. <a href=${href("start")}>Start a run</a></p>`;
  const { timeline, trouble, busy } = run;
  const tokens = tokensOf(timeline);
  const wrote = tokens.filter((token) => token.wrote).length;
  const made = list?.find((one) => one.name === model);
  return html`
    <${Figure} title="A tool call, with a breakpoint"
      table=${{ columns: ["token", "id", "who", "log-probability"],
        rows: tokens.map((token) => [token.text, token.id, token.wrote ? "written" : "read", token.logprob === null ? "" : number(token.logprob, 4)]) }}
      result=${made && { model: made, shows: SHOWS }} note=${tokens.length ? `${wrote} tokens written, ${tokens.length - wrote} read` : undefined}
      caption="The model only ever writes tokens: a call is text between two markers, which the loop cuts out, runs and puts back as text. What it is fed is
        masked in training, so that it learns to ask and to read, and is never taught to write results itself."
      controls=${html`<div class="row tool-controls">
        <${ModelPicker} label="Assistant" list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
        <${TextInput} label="Question" value=${state.question} maxLength=${300} wait=${0} onInput=${(question) => setState({ question })} onEnter=${run.ask} />
        <${Toggle} label="Stop before each call" value=${state.ask} onInput=${(ask) => setState({ ask })} />
        <${Button} kind=${timeline.waits ? undefined : "primary"} onClick=${run.ask} disabled=${!model || !state.question.trim()}>Ask<//></div>`}>
      <ol class="tool-trace" aria-label="What happens, in order">
        ${timeline.entries.map((entry, index) => html`<${Entry} key=${index} entry=${entry} />`)}
        ${timeline.waits && html`<${Breakpoint} key=${`wait-${timeline.waits.call}`} waits=${timeline.waits} onDecide=${run.decide} />`}
      </ol>
      <div aria-live="polite">
        ${busy && !timeline.waits && html`<${Waiting} what=${timeline.entries.length ? "The model writes" : "Asking the model"} />`}
      </div>
      ${trouble && html`<${Trouble}>${trouble}<//>`}
    <//>`;
}

/** The agent's run: {timeline, busy, trouble, ask, decide}. It begins with the page, and again when another model is chosen. */
function useAgent(model, { question, ask: stops }) {
  const [timeline, setTimeline] = useState(EMPTY);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState(null);
  const control = useRef(null);
  const begin = async () => {
    control.current?.abort();
    const mine = new AbortController();
    control.current = mine;
    const here = () => control.current === mine;
    setTimeline(EMPTY);
    setTrouble(null);
    setBusy(true);
    const asked = { model, question, ask: stops, sampling: { max_tokens: MOST_TOKENS } };
    try {
      await patiently(() => stream("/api/agents", asked, ({ event }) => here() && setTimeline((now) => after(now, event)), { signal: mine.signal }), mine.signal);
    } catch (error) {
      if (error.name !== "AbortError" && here()) setTrouble(error.message);
    }
    if (here()) setBusy(false);
  };
  useEffect(() => {
    if (model) begin();
    return () => control.current?.abort();
  }, [model]);
  const decide = async (decision) => {
    const { run, waits } = timeline;
    setTimeline((now) => ({ ...now, waits: null }));
    try {
      await post(`/api/agents/${run}/decide`, { call: waits.call, ...decision });
    } catch (error) {
      setTrouble(error.message);
    }
  };
  return { timeline, busy, trouble, ask: begin, decide };
}

/** Try again while the engine starts. */
async function patiently(work, signal) {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 503) throw error;
      await new Promise((resolve) => setTimeout(resolve, PATIENCE));
      signal.throwIfAborted();
    }
  }
}

function Entry({ entry }) {
  return html`
    <li class=${names("tool-entry", entry.kind)}>
      <h4>${HEADS[entry.kind]}${entry.kind === "read" && html` <small>masked</small>`}${entry.kind === "wrote" && html` <small>trained on</small>`}</h4>
      <${Body} entry=${entry} />
    </li>`;
}

function Body({ entry }) {
  if (entry.kind === "read") return html`<${Tokens} label="Tokens read" tokens=${entry.tokens.map((token) => ({ ...token, kind: "masked" }))} />`;
  if (entry.kind === "wrote") {
    return html`<${Tokens} label="Tokens written" tokens=${entry.tokens.map(({ id, text, kind, logprob }) => ({
      id, text, kind: kind === "call" ? "in-call" : undefined, title: `log-probability ${number(logprob, 3)}`,
    }))} />`;
  }
  if (entry.kind === "call") return html`<code class="tool-call">${callText(entry.name, entry.arguments)}</code>`;
  if (entry.kind === "result") return html`<pre class="tool-result" data-name="result">${entry.text}</pre>`;
  return html`
    <p class="tool-answer" data-name="answer">${entry.text || "No answer."}</p>
    ${entry.forced && html`<p class="muted small">${entry.forced}</p>`}`;
}

/** What the reader decides before a call is made. */
function Breakpoint({ waits, onDecide }) {
  const given = typeof waits.arguments === "object" && waits.arguments !== null ? waits.arguments : {};
  const [texts, setTexts] = useState(Object.fromEntries(Object.entries(given).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)])));
  const [why, setWhy] = useState("");
  const changed = Object.entries(given).some(([key, value]) => texts[key] !== (typeof value === "string" ? value : JSON.stringify(value)));
  const args = () => Object.fromEntries(Object.entries(given).map(([key, value]) => [key, edited(texts[key], value)]));
  return html`
    <li class="tool-entry wait"><div role="group" aria-label="Breakpoint: decide about the call">
      <h4>Stopped before the call</h4>
      <div class="row tool-decision">
        ${Object.keys(given).map((key) => html`<${TextInput} key=${key} mono label=${key} value=${texts[key]} onInput=${(text) => setTexts({ ...texts, [key]: text })} />`)}
        ${changed
          ? html`<${Button} kind="primary" onClick=${() => onDecide({ decision: "edit", arguments: args() })}>Run the edited call<//>`
          : html`<${Button} kind="primary" onClick=${() => onDecide({ decision: "approve" })}>Approve<//>`}
      </div>
      <div class="row tool-decision">
        <${TextInput} label="Why not (the model is told)" value=${why} onInput=${setWhy} />
        <${Button} onClick=${() => onDecide({ decision: "deny", why })}>Deny<//>
      </div>
    </div></li>`;
}
