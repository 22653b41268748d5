// Figure: a lookup table, and the shortest rules that the engine finds behind it, tried on rows that it was not given.
import { useCompute } from "../../kit/api.js";
import { Segmented, Slider, Trouble, Waiting } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { integer } from "../../kit/format.js";
import { html, names } from "../../kit/html.js";
import { useUrlState } from "../../kit/route.js";
import { useStyle } from "../../kit/style.js";
import { question, rightBeyond, TABLES } from "./search.model.js";

export function SearchFigure() {
  const ready = useStyle("course/figures/search.css");
  const [state, setState] = useUrlState("search", { table: "squares", given: 3 });
  const name = TABLES[state.table] ? state.table : "squares";
  const { values } = TABLES[name];
  const given = Math.min(values.length - 1, Math.max(1, Math.round(state.given)));
  const { result, error } = useCompute("program-search", question(name, given));
  if (!ready) return null;
  const rules = result?.answer.rules.filter((rule) => rule.next.length === values.length - given) ?? [];
  const columns = ["x", "given", ...rules.map((rule) => rule.text)];
  const rows = values.map((value, index) => [index + 1, index < given ? value : "–", ...rules.map((rule) => (index < given ? value : rule.next[index - given]))]);
  return html`
    <${Figure} title="A table, and the rules behind it" result=${result}
      caption="The table knows its rows and nothing else. Each rule gives all rows that were given; below the line they part ways, and what is right there was never shown to them."
      controls=${html`<${Segmented} label="Which numbers" value=${name} options=${Object.entries(TABLES).map(([key, table]) => [key, table.title])}
      onInput=${(table) => setState({ table })} />
        <${Slider} label="rows given" value=${given} min=${1} max=${values.length - 1} step=${1} onInput=${(rows_) => setState({ given: rows_ })} />`}>
      <div class="table-scroll" tabindex="0" role="region" aria-label="The table and what the rules say">
        <table class="rules"><thead><tr><th scope="col" class="number">x</th><th scope="col" class="number">table</th>${rules.map((rule) => html`<th scope="col"
          class="number" key=${rule.text}><code data-rule=${rule.text}>${rule.text}</code></th>`)}</tr></thead>
          <tbody>${rows.map((row, index) => html`<tr key=${index} class=${names(index === given && "beyond")}>${row.map((cell, column) => {
            const wrong = column > 1 && index >= given && cell !== values[index];
            return html`<td key=${column} class=${names("number", wrong && "wrong")}>${column === 1 && index >= given ? html`<span
            class="muted">(${values[index]})</span>` : cell}${wrong && html`<span class="hidden-visually"> (wrong)</span>`}</td>`;
          })}</tr>`)}</tbody>
          ${rules.length > 0 && html`<tfoot><tr><th scope="row" colspan="2">right beyond</th>${rules.map((rule) => html`<td class="number" key=${rule.text}
            data-right=${rightBeyond(rule, name, given)}>${rightBeyond(rule, name, given)} of ${rule.next.length}</td>`)}</tr></tfoot>`}</table>
      </div>
      ${result && html`<p class="small muted" aria-live="polite">${rules.length
        ? `The search looked at ${integer(result.answer.tried)} expressions of different values.`
          : `None of ${integer(result.answer.tried)} expressions of up to ${result.answer.size} signs gives these rows: the table is the shortest program that this search knows.`}</p>`}
      ${!result && !error && html`<${Waiting} what="Trying expressions" />`}
      ${error && html`<${Trouble}>${error}<//>`}
    <//>`;
}
