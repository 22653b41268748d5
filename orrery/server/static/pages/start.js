// Start a training: a form for each command that trains, made from the very dataclass that the command line fills.
import { get, post } from "../kit/api.js";
import { Button, Select, Trouble, Waiting } from "../kit/controls.js";
import { html, names, useEffect, useId, useMemo, useState } from "../kit/html.js";
import { useModels } from "../kit/models.js";
import { go, href } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { flat, groups, meant, nested, typed } from "../lab/form.model.js";

export default function Start({ parts, params }) {
  const ready = useStyle("lab/lab.css");
  const [commands, setCommands] = useState(null);
  const [error, setError] = useState("");
  useEffect(() => {
    get("/api/forms").then(setCommands, (problem) => setError(problem.message));
  }, []);
  if (!ready) return null;
  const chosen = parts[0] ?? "speedrun";
  return html`
    <div class="wide">
      <div class="page-head"><div><h1>Start a training</h1>
        <p>It runs as a program of its own, as if you had typed it, and goes on when you close the studio.</p></div></div>
      ${error && html`<${Trouble}>${error}<//>`}
      <div class="start">
        ${commands ? html`
          <nav aria-label="Commands"><ul>${commands.map(({ command, summary }) => html`
            <li key=${command}><a href=${href(`start/${command}`)} aria-current=${command === chosen ? "page" : undefined}><strong>${command}</strong><span>${summary}</span></a></li>`)}</ul></nav>
          <${Form} key=${chosen} command=${chosen} given=${Object.fromEntries(params)} />` : !error && html`<${Waiting} what="Reading the commands" />`}
      </div>
    </div>`;
}

/** `given`: values of the address, such as model=sample/sft. */
function Form({ command, given }) {
  const [form, setForm] = useState(null);
  const [texts, setTexts] = useState({});
  const [recipe, setRecipe] = useState("");
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const list = useId();
  const models = useModels();
  useEffect(() => {
    get(`/api/forms/${encodeURIComponent(command)}`).then(setForm, setError);
  }, [command]);
  const shown = useMemo(() => form && groups(form.fields), [form]);
  const fields = useMemo(() => shown?.flatMap((group) => group.fields) ?? [], [shown]);
  useEffect(() => {
    setTexts(Object.fromEntries(fields.filter((field) => field.path in given).map((field) => [field.path, given[field.path]])));
  }, [fields]);
  if (!form) return error ? html`<${Trouble}>${error.message}<//>` : html`<${Waiting} what="Reading the form" />`;
  const set = (path, text) => setTexts((old) => ({ ...old, [path]: text }));
  const takeRecipe = (name) => {
    setRecipe(name);
    const values = flat(form.recipes[name] ?? {}, fields);
    setTexts(Object.fromEntries(fields.filter((field) => field.path in values).map((field) => [field.path, typed(values[field.path], field)])));
  };
  const changed = fields.filter((field) => field.path in texts && texts[field.path] !== typed(field.default, field));
  const submit = (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const values = nested(Object.fromEntries(changed.map((field) => [field.path, meant(texts[field.path], field)])));
    post("/api/jobs", { command, values }).then(
      (job) => go(`runs/${job.run}`, { job: job.id }),
      (problem) => {
        setBusy(false);
        setError(problem);
      },
    );
  };
  const recipes = Object.keys(form.recipes);
  const show = (field) => html`<${Field} key=${field.path} field=${field} text=${texts[field.path]} models=${list} onText=${(text) => set(field.path, text)}
    wrong=${error?.field === field.path && error.message} />`;
  const [first, ...rest] = shown;
  return html`
    <form class="stack" onSubmit=${submit} aria-label=${`orrery ${command}`}>
      <datalist id=${list}>${(models ?? []).map((model) => html`<option key=${model.name} value=${model.name} />`)}</datalist>
      <div class="start-about stack">${form.about.split("\n\n").map((part) => html`<p key=${part}><${Words} text=${part} /></p>`)}</div>
      ${recipes.length > 0 && html`<${Select} label="Begin with a recipe" value=${recipe} options=${[["", "the defaults"], ...recipes.map((name) => [name, name])]} onInput=${takeRecipe} />`}
      <div class="fields">${first.fields.map(show)}</div>
      ${rest.map((group) => html`
        <details key=${group.name} class="panel" open=${Boolean(error?.field?.startsWith(`${group.name}.`))}>
          <summary><code>${group.name}</code> <span class="muted"><${Words} text=${group.about} /></span></summary>
          <div class="fields">${group.fields.map(show)}</div>
        </details>`)}
      ${error && html`<${Trouble}>${error.message}<//>`}
      <div class="row start-end"><${Button} type="submit" kind="primary" disabled=${busy}>Start<//>
        <span class="muted small">${busy ? "Starting…" : changed.length ? `${changed.length} changed: ${changed.map((field) => field.path).join(", ")}` : "All as usual"}</span></div>
    </form>`;
}

/** Text in which `this` is code. */
const Words = ({ text }) => text.split(/`+/).map((part, index) => (index % 2 ? html`<code key=${index}>${part}</code>` : part));

/** One field, with its help. `models`: the list of names that a path may be. */
function Field({ field, text, models, onText, wrong }) {
  const id = useId();
  const value = text ?? typed(field.default, field);
  const typedIn = (event) => onText(event.target.value);
  const shared = { id, "aria-describedby": `${id}-help`, "aria-invalid": wrong ? "true" : undefined, onInput: typedIn, value };
  const box = {
    boolean: () => html`<input type="checkbox" role="switch" id=${id} checked=${value} aria-describedby=${`${id}-help`} onChange=${(event) => onText(event.target.checked)} />`,
    choice: () => html`<select ...${shared}>${field.optional && html`<option value=""></option>`}${field.options.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select>`,
    list: () => html`<textarea ...${shared} rows="2" placeholder="one a line"></textarea>`,
    weights: () => html`<textarea ...${shared} rows="2" placeholder="name = weight, one a line"></textarea>`,
    number: () => html`<input ...${shared} type="number" step="any" />`,
    integer: () => html`<input ...${shared} type="number" step="1" />`,
  };
  return html`
    <div class=${names("field", wrong && "wrong")} data-field=${field.path}>
      <label for=${id}>${field.name.replaceAll("_", " ")}${field.required && html`<span class="muted"> (needed)</span>`}</label>
      ${(box[field.kind] ?? (() => html`<input ...${shared} type="text" list=${["model", "reward_model", "teacher"].includes(field.name) ? models : undefined} spellcheck=${false} />`))()}
      <p id=${`${id}-help`} class="small muted">${wrong ? html`<strong class="bad">${wrong}</strong>` : html`<${Words} text=${field.about} />`}</p>
    </div>`;
}
