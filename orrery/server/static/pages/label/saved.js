// The answers that people have written: with their history, to be changed, deleted, and taken to training.
import { Button } from "../../kit/controls.js";
import { ago, duration } from "../../kit/format.js";
import { html, useRef, useState } from "../../kit/html.js";

const SHOWN = 20;

/** `desk`: as /api/labels says. `onEdit(id, text, seconds)` -> whether it was saved; `onRemove(id)`. */
export function Saved({ desk, onEdit, onRemove }) {
  const [all, setAll] = useState(false);
  const { labels, command } = desk;
  if (!labels.length) return null;
  return html`
    <section class="saved" aria-labelledby="saved-title">
      <header class="row"><h2 id="saved-title">Saved</h2>
        <a class="button" href="/api/labels/export" download="labels.jsonl">Download labels.jsonl</a></header>
      <p class="small muted">One conversation a line, with its history. A model learns from it by <code>${command}</code>.</p>
      <ul>${(all ? labels : labels.slice(0, SHOWN)).map((one) => html`<${One} key=${one.id} label=${one} onEdit=${onEdit} onRemove=${onRemove} />`)}</ul>
      ${labels.length > SHOWN && html`<${Button} kind="quiet" onClick=${() => setAll(!all)}>${all ? "Only the latest" : `All ${labels.length}`}<//>`}
    </section>`;
}

function One({ label, onEdit, onRemove }) {
  const [text, setText] = useState(null);
  const began = useRef(0);
  const last = label.edits[label.edits.length - 1];
  const begin = () => {
    began.current = performance.now();
    setText(label.text);
  };
  const save = async () => (await onEdit(label.id, text, (performance.now() - began.current) / 1000)) && setText(null);
  const how = label.draft === null ? "written" : label.draft === label.text ? `as ${label.model} drafted it` : `edited from ${label.model}’s draft`;
  return html`
    <li data-label=${label.id}>
      <p class="saved-prompt">${label.prompt}</p>
      ${text === null
        ? html`<p class="saved-text">${label.text}</p>`
        : html`<label class="text-input"><span>Answer</span><textarea rows="4" value=${text} onInput=${(event) => setText(event.target.value)}></textarea></label>`}
      <div class="row saved-foot">
        <span class="muted small">${how}${last.by && ` by ${last.by}`} · ${ago(last.made)} · guidelines ${last.guidelines}</span>
        ${text === null
          ? html`<${Button} kind="quiet" onClick=${begin} label=${`Edit: ${label.prompt}`}>Edit<//>
              <${Button} kind="quiet" onClick=${() => onRemove(label.id)} label=${`Delete: ${label.prompt}`}>Delete<//>`
          : html`<${Button} onClick=${save} disabled=${!text.trim()}>Save<//><${Button} kind="quiet" onClick=${() => setText(null)}>Leave it<//>`}
      </div>
      <details><summary class="small">History</summary>
        <ol class="history">
          ${label.draft !== null && html`<li><span class="muted small">${label.model} drafted</span><p>${label.draft || "(nothing)"}</p></li>`}
          ${label.edits.map((edit, index) => html`<li key=${index}><span
            class="muted small">${edit.by || "a person"} · ${new Date(1000 * edit.made).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" })} ·
            took ${duration(edit.seconds)} · guidelines ${edit.guidelines}</span><p>${edit.text}</p></li>`)}
        </ol></details>
    </li>`;
}
