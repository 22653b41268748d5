// Figure: rules that the reader writes, weights that learn from examples, and a prompt, all on the same questions.
import { useCompute } from "../../kit/api.js";
import { Bars } from "../../kit/bars.js";
import { Button, Slider, TextInput, Trouble, Waiting } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { html, useState } from "../../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../../kit/models.js";
import { href, useUrlState } from "../../kit/route.js";
import { useStyle } from "../../kit/style.js";

const RULES = "birthplace: born, birthplace, come from\njob: job, trade, living\nemployer: company, employer, work for\ninstrument: instrument, play\nfood: food, eat\nnickname: nickname, call";
const KINDS = [["rules", "1.0\u00a0rules"], ["weights", "2.0\u00a0weights"], ["prompt", "3.0\u00a0prompt"]];

/** Of some questions, how many a kind of software gets right. */
export const rightOf = (questions, kind) => questions.filter((question) => question[kind] === question.truth).length;

export function SoftwaresFigure() {
  const ready = useStyle("course/figures/softwares.css");
  const [state, setState] = useUrlState("softwares", { rules: RULES, examples: 12, model: "" });
  const [all, setAll] = useState(false);
  const list = useModels("base");
  const model = modelOr(list, state.model);
  const { result, error } = useCompute("three-softwares", model ? { model, rules: state.rules, examples: state.examples } : null);
  if (!ready) return null;
  const answer = error ? null : result?.answer;
  const questions = answer?.questions ?? [];
  const wrong = questions.filter((question) => KINDS.some(([kind]) => question[kind] !== question.truth));
  const shown = all ? questions : wrong.slice(0, 8);
  return html`
    <${Figure} title="What does the question ask for?" result=${result}
      table=${answer && { columns: ["question", "asks for", ...KINDS.map(([, name]) => name)], rows: questions.map((one) => [one.text, one.truth, one.rules || "–",
      one.weights, one.prompt]) }}
      caption="Thirty questions about people of the world, five for each of six things, all put in words that neither the examples nor the model's documents have. Chance is 5 of 30.">
      ${list?.length === 0 && html`<p class="empty">No base model to be prompted yet: <a href=${href("start")}>a run makes one</a>.</p>`}
      <div class="columns softwares">
        <section><h4>1.0: you write the rules</h4>
          <${TextInput} label="First line with a word of the question wins" rows=${6} mono value=${state.rules} wait=${300} maxLength=${2000}
            onInput=${(rules) => setState({ rules })} /></section>
        <section><h4>2.0: weights learn from examples</h4>
          <${Slider} label="labelled questions" value=${state.examples} min=${6} max=${59} step=${1} onInput=${(examples) => setState({ examples: Math.round(examples) })} />
          ${answer && html`<ul class="small learnt">${answer.classes.map((name) => html`<li key=${name}>
            <strong>${name}</strong>: ${answer.learnt[name].join(", ")}</li>`)}</ul>`}</section>
        <section><h4>3.0: a prompt</h4>
          <${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
          ${answer && html`<pre class="small" tabindex="0" aria-label="The prompt">${answer.prompt} …</pre>`}
          <p class="small muted">Which goes on most likely: “was born in”, “works for”, “plays the” …?</p></section>
      </div>
      ${!answer && !error && model && html`<${Waiting} what="All three answer" />`}
      ${answer && html`
        <${Bars} label="Right answers of 30" max=${questions.length} format=${(value) => `${value} of ${questions.length}`} items=${KINDS.map(([kind,
          name]) => ({ key: kind, label: name, value: rightOf(questions, kind) }))} />
        <div class="table-scroll" tabindex="0" role="region" aria-label="Questions and what each says"><table>
          <thead><tr><th scope="col">${all ? "Question" : "Where they err"}</th><th scope="col">asks for</th>${KINDS.map(([, name]) => html`<th scope="col"
            key=${name}>${name}</th>`)}</tr></thead>
          <tbody>${shown.map((one) => html`<tr key=${one.text}><td>${one.text}</td><td>${one.truth}</td>${KINDS.map(([kind]) => html`<td key=${kind}
            class=${one[kind] === one.truth ? "muted" : "wrong"}>${one[kind] || "no rule"}</td>`)}</tr>`)}</tbody></table></div>
        <${Button} kind="quiet" onClick=${() => setAll(!all)}>${all ? "Only some errors" : "All thirty"}<//>`}
      ${error && html`<${Trouble}>${error}<//>`}
    <//>`;
}
