// The labelling desk: a model drafts, a person edits as the guidelines say, and what comes of it can be trained on.
import { get, post, remove } from "../kit/api.js";
import { Button, Segmented, TextInput, Trouble } from "../kit/controls.js";
import { ago } from "../kit/format.js";
import { html, useEffect, useRef, useState } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { kept } from "../kit/store.js";
import { useStyle } from "../kit/style.js";
import { Guidelines } from "./label/guidelines.js";
import { Saved } from "./label/saved.js";

const KINDS = [["sums", "Sums"], ["stories", "Stories"], ["own", "My own"]];
const NOTHING = { text: "", number: 0, truth: null };
const name = kept("labeller", "");

export default function Label() {
  const ready = useStyle("pages/label.css");
  const [desk, setDesk] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    get("/api/labels").then(setDesk, (problem) => setError(problem.message));
  }, []);
  if (!ready) return null;
  /** Do something that changes the desk -> whether it was done. */
  const change = async (doing) => {
    try {
      setDesk((await doing()) ?? (await get("/api/labels")));
      setError(null);
      return true;
    } catch (problem) {
      setError(problem.message);
      return false;
    }
  };
  return html`
    <div class="wide">
      <div class="page-head"><div><h1>Labelling desk</h1>
        <p>An assistant imitates the people who wrote its answers. Here you are one of them: a model drafts, you edit until the answer keeps to the guidelines, and
          the result can be trained on.</p></div></div>
      ${error && html`<${Trouble}>${error}<//>`}
      ${desk && html`
        <div class="desk">
          <${Workplace} change=${change} labels=${desk.labels} />
          <${Guidelines} guidelines=${desk.guidelines} onSave=${(text) => change(() => post("/api/labels/guidelines", { text }))} />
        </div>
        <${Saved} desk=${desk} by=${name.value}
          onEdit=${(id, text, seconds) => change(() => post(`/api/labels/${id}`, { text, by: name.value, seconds }))}
          onRemove=${(id) => change(() => remove(`/api/labels/${id}`))} />`}
    </div>`;
}

/** One prompt, its draft, and what the person makes of it. */
function Workplace({ change, labels }) {
  const [state, setState] = useUrlState("label", { kind: "sums", model: "" });
  const list = useModels("assistant");
  const model = modelOr(list, state.model);
  const [task, setTask] = useState(null); // {text, number, truth}
  const [draft, setDraft] = useState({ text: null, busy: false, error: null });
  const [text, setText] = useState("");
  const began = useRef(0);
  const drafting = useRef(null);
  const editor = useRef(null);

  const write = (wanted) => {
    drafting.current?.abort();
    setDraft({ text: null, busy: false, error: null });
    setText("");
    began.current = performance.now();
    if (!model || !wanted?.trim()) return;
    const control = new AbortController();
    drafting.current = control;
    setDraft({ text: null, busy: true, error: null });
    post("/api/labels/draft", { model, prompt: wanted }, { signal: control.signal }).then(
      (answer) => {
        setDraft({ text: answer.text, busy: false, error: null });
        setText(answer.text);
        began.current = performance.now();
      },
      (error) => error.name !== "AbortError" && setDraft({ text: null, busy: false, error: error.message }),
    );
  };
  const next = (after) => {
    if (state.kind === "own") {
      setTask(NOTHING);
      write("");
      return;
    }
    drafting.current?.abort();
    const control = new AbortController();
    drafting.current = control;
    get(`/api/labels/prompt?kind=${state.kind}&after=${after}`, { signal: control.signal }).then(
      (found) => {
        setTask(found);
        write(found.text);
      },
      (error) => error.name !== "AbortError" && setDraft({ text: null, busy: false, error: error.message }),
    );
  };
  const waits = state.kind !== "own" && list === null; // for who drafts
  useEffect(() => {
    if (!waits) next(-1);
    return () => drafting.current?.abort();
  }, [state.kind, waits]);

  const possible = task?.text.trim() && text.trim() && !draft.busy;
  const save = async () => {
    if (!possible) return;
    const seconds = (performance.now() - began.current) / 1000;
    const asked = { prompt: task.text, text, by: name.value, seconds, draft: draft.text, model: draft.text === null ? null : model };
    if (await change(() => post("/api/labels", asked))) {
      next(task.number);
      editor.current?.focus();
    }
  };
  const keys = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      save();
    }
    if (event.key === "Escape" && state.kind !== "own" && task && text === (draft.text ?? "")) next(task.number); // what was typed is not lost by a key
  };
  return html`
    <section class="panel stack" aria-label="The answer to write" onKeyDown=${keys}>
      <div class="row desk-from">
        <${Segmented} label="Where prompts come from" value=${state.kind} options=${KINDS} onInput=${(kind) => setState({ kind })} />
        <${ModelPicker} label="Drafts are by" list=${list} value=${model} onInput=${(chosen) => setState({ model: chosen })} />
      </div>
      ${list?.length === 0 && html`<p class="empty">No assistant yet to draft: <a href=${href("start")}>a run makes one</a>. You can write answers without one.</p>`}
      ${state.kind === "own"
        ? html`<${TextInput} label="Prompt" rows=${2} value=${task?.text ?? ""} maxLength=${4000} onInput=${(typed) => setTask({ ...NOTHING, text: typed })} />`
        : html`<div><p class="desk-label" id="desk-prompt">Prompt</p><p class="desk-prompt" data-prompt=${task?.text}>${task?.text ?? "…"}</p>
            ${task?.truth && html`<p class="muted small">The world knows the result: ${task.truth}</p>`}</div>`}
      <label class="text-input desk-answer"><span>Answer ${draft.busy ? "– the model is drafting…" : draft.text === null ? "" : draft.text === text
        ? "– the draft, as it is" : "– edited"}</span>
        <textarea rows="6" ref=${editor} value=${text} readonly=${draft.busy} aria-busy=${draft.busy} onInput=${(event) => setText(event.target.value)}
          aria-keyshortcuts="Control+Enter" placeholder=${draft.busy ? "" : "Write the answer"}></textarea></label>
      ${draft.error && html`<${Trouble}>${draft.error}<//>`}
      <div class="row">
        <${Button} kind="primary" disabled=${!possible} onClick=${save}>Save, next<//>
        ${state.kind !== "own" && html`<${Button} onClick=${() => next(task.number)} disabled=${!task}>Skip<//>`}
        <${Button} onClick=${() => write(task.text)} disabled=${!model || !task?.text.trim() || draft.busy}>${draft.text === null ? "Draft" : "Draft again"}<//>
        <${TextInput} label="Your name, kept with the answer" value=${name.value} maxLength=${80} onInput=${(typed) => { name.value = typed; }} />
      </div>
      <${Progress} labels=${labels} />
      <p class="muted small">Ctrl + Enter saves; Esc skips what was not edited.</p>
    </section>`;
}

/** What has been done so far, in words. */
function Progress({ labels }) {
  const edited = labels.filter((one) => one.draft !== null && one.draft !== one.text).length;
  const asDrafted = labels.filter((one) => one.draft === one.text).length;
  const seconds = labels.flatMap((one) => one.edits.map((edit) => edit.seconds)).sort((a, b) => a - b);
  const median = seconds[Math.floor(seconds.length / 2)];
  return html`<p class="small" role="status" data-saved=${labels.length}>
    ${labels.length === 0 ? "Nothing saved yet." : html`<strong>${labels.length} saved</strong>: ${edited} edited, ${asDrafted} as
      drafted, ${labels.length - edited - asDrafted} from nothing;
      ${` ${Math.round(median)} s each at the median; the last ${ago(Math.max(...labels.flatMap((one) => one.edits.map((edit) => edit.made))))}.`}`}</p>`;
}
