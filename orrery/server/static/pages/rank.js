// Ranking: a person puts a model's answers in order, the best first; reward models and DPO learn from what they say.
import { get, post } from "../kit/api.js";
import { Button, Slider, TextInput, Trouble } from "../kit/controls.js";
import { integer } from "../kit/format.js";
import { html, names, useEffect, useRef, useState } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { moved, pairs } from "./rank/rank.model.js";

const DEFAULTS = { model: "", completions: 5, temperature: 1, seed: 0 };

export default function Rank() {
  const ready = useStyle("pages/rank/rank.css");
  const [state, setState] = useUrlState("rank", DEFAULTS);
  const list = useModels("assistant");
  const model = modelOr(list, state.model);
  const [count, setCount] = useState(null);
  const [root, setRoot] = useState("runs");
  const [prompt, setPrompt] = useState("");
  const [task, setTask] = useState(null); // {prompt, model, answers}: what is being ranked
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState("");
  const [error, setError] = useState(null);
  const control = useRef(null);
  const draws = useRef(0); // so that others are drawn each time
  useEffect(() => {
    get("/api/rankings").then(take, (problem) => setError(problem.message));
    return () => control.current?.abort();
  }, []);
  if (!ready) return null;
  if (list?.length === 0) {
    return html`<div class="narrow"><h1>Rank answers</h1><p class="empty">There is no assistant yet whose answers could be ranked: <a href=${href("start")}>a run makes one</a>.</p></div>`;
  }

  function take(rankings) {
    setCount(rankings.count);
    setRoot(rankings.root);
    setPrompt(rankings.prompt);
  }

  async function draw() {
    control.current?.abort();
    control.current = new AbortController();
    setBusy(true);
    setError(null);
    setSaid("");
    try {
      const sampling = { temperature: state.temperature, seed: state.seed + (count ?? 0) + draws.current, max_tokens: 128 };
      draws.current += 1;
      const answers = await post("/api/rankings/draw", { model, prompt, completions: state.completions, sampling }, { signal: control.current.signal });
      if (answers.length < 2) setError("The answers do not differ, so none can be preferred: raise the temperature, or ask something else.");
      setTask(answers.length < 2 ? null : { prompt, model, answers });
    } catch (problem) {
      if (problem.name === "AbortError") return;
      setError(problem.message);
    }
    setBusy(false);
  }

  async function save() {
    setBusy(true);
    try {
      const completions = task.answers.map((answer) => answer.messages);
      take(await post("/api/rankings", { model: task.model, prompt: task.prompt, completions }));
      setSaid(`Saved: ${pairs(completions.length)} comparisons to learn from.`);
      setTask(null);
      setError(null);
    } catch (problem) {
      setError(problem.message);
    }
    setBusy(false);
  }

  return html`
    <div class="wide">
      <div class="page-head"><div><h1>Rank answers</h1>
        <p>Several answers to one wish: put the best first. What people prefer is all that a reward model ever sees of them, and it learns from orders, not from marks.</p></div></div>
      <div class="rank">
        <section class="stack" aria-label="Answers">
          <div class="rank-asked">
            <${TextInput} label="Prompt" value=${prompt} onInput=${setPrompt} maxLength=${2000} onEnter=${() => prompt.trim() && model && !busy && draw()} />
            <${Button} kind=${task ? undefined : "primary"} disabled=${busy || !model || !prompt.trim()} onClick=${draw}>${task ? "Draw others" : `Draw ${state.completions}`}<//>
          </div>
          ${error && html`<${Trouble}>${error}<//>`}
          ${busy && !task && html`<p class="waiting" role="status">The model writes…</p>`}
          ${task && html`<${Order} answers=${task.answers} onOrder=${(answers) => setTask({ ...task, answers })} />
            <div class="row"><${Button} kind="primary" disabled=${busy} onClick=${save}>Save this order<//>
              <${Button} kind="quiet" disabled=${busy} onClick=${() => setTask(null)}>Skip<//></div>`}
          <p class="small muted" role="status">${said}</p>
        </section>
        <aside class="stack">
          <${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
          <${Slider} label="answers" value=${state.completions} min=${2} max=${9} step=${1} digits=${0} onInput=${(n) => setState({ completions: Math.round(n) })} />
          <${Slider} label="temperature" value=${state.temperature} min=${0.1} max=${2} step=${0.05} digits=${2} onInput=${(temperature) => setState({ temperature })} />
          ${count !== null && html`
            <p class="small"><strong class="number" data-name="count" data-value=${count}>${integer(count)}</strong> ${count === 1 ? "ranking" : "rankings"} of people so far.</p>`}
          <p class="small muted">They are kept with those of <code>orrery rank</code>. A reward model learns from them by</p>
          <pre class="rank-command" tabindex="0"><code>orrery reward --people --model ${root}/${model ?? "…"}${root === "runs" ? "" : ` --root ${root}`}</code></pre>
          <p class="small muted">and <code>orrery dpo --people</code> does without one.</p>
        </aside>
      </div>
    </div>`;
}

/** The answers in their order: dragged by the mouse, or moved by the arrow keys on the handle of one. */
function Order({ answers, onOrder }) {
  const [dragged, setDragged] = useState(null);
  const [told, setTold] = useState("");
  const list = useRef(null);
  const move = (from, to) => {
    const next = moved(answers, from, to);
    if (next === answers) return;
    onOrder(next);
    setTold(`Moved to place ${to + 1} of ${answers.length}.`);
    requestAnimationFrame(() => list.current.children[to]?.querySelector("button").focus());
  };
  const keys = (event, index) => {
    const to = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: answers.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(index, to);
  };
  const over = (event, index) => {
    event.preventDefault();
    if (dragged === null || dragged === index) return;
    onOrder(moved(answers, dragged, index));
    setDragged(index);
  };
  return html`
    <ol class="rank-order" aria-label="The best first" ref=${list}>
      ${answers.map((answer, index) => html`
        <li key=${answer.text} class=${names(index === dragged && "dragged")} draggable="true" onDragStart=${() => setDragged(index)}
          onDragOver=${(event) => over(event, index)} onDragEnd=${() => setDragged(null)}>
          <button type="button" class="rank-handle" aria-label=${`Place ${index + 1}: move with the arrow keys`} onKeyDown=${(event) => keys(event, index)}>
            <span class="number">${index + 1}</span><span aria-hidden="true">⠿</span></button>
          <p>${answer.text}</p>
          <span class="rank-moves">
            <${Button} kind="quiet" label="Better" disabled=${index === 0} onClick=${() => move(index, index - 1)}>↑<//>
            <${Button} kind="quiet" label="Worse" disabled=${index === answers.length - 1} onClick=${() => move(index, index + 1)}>↓<//>
          </span>
        </li>`)}
    </ol>
    <p class="hidden-visually" role="status">${told}</p>`;
}
