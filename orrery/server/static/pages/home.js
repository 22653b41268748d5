// The first page: a model at once, where to go on, what runs.
import { useCompute } from "../kit/api.js";
import { Badge } from "../kit/badge.js";
import { Bars } from "../kit/bars.js";
import { Button, TextInput, Trouble } from "../kit/controls.js";
import { duration, percent } from "../kit/format.js";
import { html } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { href, useUrlState } from "../kit/route.js";
import { progress } from "../kit/store.js";
import { useStyle } from "../kit/style.js";
import { useRuns } from "../lab/runs.js";
import { chapters } from "../course/chapters.js";
import { simulations } from "../sims/simulations.js";

const BEGINNING = "The capital of";

export default function Home() {
  const ready = [useStyle("styles/course.css"), useStyle("pages/home.css")].every(Boolean);
  if (!ready) return null;
  return html`
    <div class="wide home">
      <header class="home-head">
        <h1>The whole life of a language model, on your desk</h1>
        <p>Text becomes tokens, a base model, an assistant, and one that thinks before it answers. What moves here is computed by models of this machine;
          where a figure was measured before, it says so.</p>
      </header>
      <div class="home-top"><${NextToken} /><div class="stack"><${Continue} /><${Runs} /></div></div>
      <section aria-labelledby="home-simulations">
        <h2 id="home-simulations">Simulations</h2>
        <ul class="cards">${simulations.map((one) => html`
          <li key=${one.name}><a href=${href(`sims/${one.name}`)}><h3>${one.title}</h3><p>${one.blurb}</p></a></li>`)}</ul>
      </section>
    </div>`;
}

/** Text that a model goes on with, a token at a time, chosen by the reader. */
function NextToken() {
  const [state, setState] = useUrlState("home", { text: BEGINNING, model: "" });
  const list = useModels("base", "assistant");
  const model = modelOr(list, state.model || list?.find((one) => one.kind === "base")?.name);
  const { result, error } = useCompute("next-token", model ? { model, text: state.text, top: 8 } : null);
  const answer = result?.answer;
  const take = (index) => setState({ text: state.text + answer.texts[index] });
  return html`
    <section class="panel home-next" aria-labelledby="home-next">
      <h2 id="home-next">What comes next?</h2>
      <p class="muted small">All that a language model does: read a text, and say how likely each token is to follow. Choose one, and go on.</p>
      ${list?.length === 0
        ? html`<p class="empty">There is no model yet. A small one is trained in about a minute: <a href=${href("runs")}>make it, or watch it being made</a>.</p>`
        : html`
          <${TextInput} label="Text so far" value=${state.text} rows=${2} onInput=${(text) => setState({ text })} wait=${150} maxLength=${600} />
          ${answer && !error ? html`<${Bars} label="The likeliest next tokens" max=${1} onPick=${take} format=${(p) => percent(p)}
            items=${answer.texts.map((text, i) => ({ key: answer.ids[i], label: text, value: Math.exp(answer.logprobs[i]) }))} />` : html`<div class="home-wait"></div>`}
          <div class="row home-foot"><${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
            <${Button} onClick=${() => setState({ text: BEGINNING })}>Start again<//></div>
          <${Badge} result=${result} />`}
      ${error && html`<${Trouble}>${error}<//>`}
    </section>`;
}

/** The next chapter that has not been read. */
function Continue() {
  const done = chapters.filter((one) => progress.value[one.number]?.read).length;
  const next = chapters.find((one) => !progress.value[one.number]?.read) ?? chapters[0];
  if (!next) return null;
  return html`
    <section class="panel" aria-labelledby="home-course">
      <h2 id="home-course">The course</h2>
      <p class="muted small">${done ? `${done} of ${chapters.length} chapters read.` : `${chapters.length} short chapters, from one derivative to an agent.`}</p>
      <p class="home-chapter"><strong>${next.title}</strong><br /><span class="muted small">${next.question}</span></p>
      <p class="row"><a class="button primary" href=${href(`course/${next.number}`)}>${done ? "Continue" : "Begin"}</a>
        <a class="button quiet" href=${href("course")}>All chapters</a></p>
    </section>`;
}

/** The newest runs, and what they are at. */
function Runs() {
  const runs = useRuns();
  return html`
    <section class="panel" aria-labelledby="home-runs">
      <h2 id="home-runs">Your runs</h2>
      ${runs?.length === 0 && html`<p class="muted small">None yet. A run is a model's life from nothing: text, training, tuning, exams.</p>`}
      <ul class="home-runs">${(runs ?? []).slice(0, 4).map((run) => html`
        <li key=${run.name}><a href=${href(`runs/${run.name}`)}>${run.name}</a>
          <span class="muted small number">${run.state === "running" ? `${run.doing || "running"} …` : run.state} · ${duration(run.seconds)}</span></li>`)}</ul>
      <p class="row"><a class="button" href=${href("start")}>Start a run</a><a class="button quiet" href=${href("runs")}>All runs</a></p>
    </section>`;
}
