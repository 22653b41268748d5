// What a run's models can do: the exams of its stages, and the stages after tuning side by side.
import { number, percent } from "../kit/format.js";
import { html } from "../kit/html.js";

/** `detail`: of the run. Nothing where nothing was examined. */
export function ReportCard({ detail, name }) {
  const stages = Object.keys(detail.exams);
  return html`
    ${stages.length > 0 && html`<${Exams} exams=${detail.exams} stages=${stages} name=${name} />`}
    ${detail.compared && html`<${Compared} rows=${detail.compared} />`}
    ${detail.report && html`<p><a class="button" href=${`/api/runs/${encodeURIComponent(name)}/report`} target="_blank" rel="noopener">The report as a page of its own</a></p>`}`;
}

function Exams({ exams, stages }) {
  const names = [...new Set(stages.flatMap((stage) => exams[stage].map((score) => score.exam)))];
  const find = (stage, exam) => exams[stage].find((score) => score.exam === exam);
  const rows = names.map((exam) => {
    const scores = stages.map((stage) => find(stage, exam));
    const asked = scores.find((score) => score?.n); // a base does not take the exams in chat
    return { exam, scores, n: asked?.n ?? 0, chance: asked?.chance };
  });
  return html`
    <section class="figure" aria-label="Report card">
      <header><h3>Report card</h3></header>
      <div class="table-scroll exams-scroll" tabindex="0" role="region" aria-label="Exams by stage">
        <table class="exams"><thead><tr><th scope="col">Exam</th>${stages.map((stage) => html`<th key=${stage} scope="col" class="number">${stage}</th>`)}
          <th scope="col" class="number">chance</th><th scope="col" class="number">questions</th></tr></thead>
        <tbody>${rows.map((row) => html`
          <tr key=${row.exam}><th scope="row">${row.exam.replaceAll("_", " ")}</th>
            ${row.scores.map((score, index) => html`<td key=${stages[index]} class="number"><${Share} score=${score} /></td>`)}
            <td class="number muted">${row.chance === null || row.chance === undefined ? "" : percent(row.chance, 0)}</td><td class="number muted">${row.n}</td></tr>`)}</tbody></table>
      </div>
      <figcaption>Share of questions answered right. The refusal of look-alikes and false refusals are better low.</figcaption>
    </section>`;
}

const Share = ({ score }) => (score?.score === null || score === undefined ? html`<span class="muted">–</span>` : html`
  <span class="share" title=${`between ${percent(score.low, 0)} and ${percent(score.high, 0)}`}><span class="share-bar" style=${{ width: `${100 * score.score}%` }}></span>
    <span data-value=${score.score}>${percent(score.score, 0)}</span></span>`);

function Compared({ rows }) {
  const table = {
    columns: ["stage", "gold", "± sd", "reward model", "KL, stories", "sums right", "tokens a sum", "KL, sums"],
    rows: rows.map((row) => [
      row.stage, number(row.gold, 2), number(row.gold_sd, 2), number(row.score, 2), number(row.story_kl, 2),
      percent(row.sums, 0), number(row.sum_length, 0), number(row.sum_kl, 2),
    ]),
  };
  return html`
    <section class="figure" aria-label="Stages side by side">
      <header><h3>Stages side by side</h3></header>
      <div class="table-scroll" tabindex="0" role="region" aria-label="Stages by figure">
        <table><thead><tr>${table.columns.map((name, index) => html`<th key=${name} scope="col" class=${index ? "number" : ""}>${name}</th>`)}</tr></thead>
          <tbody>${table.rows.map((row) => html`<tr key=${row[0]}>${row.map((value, index) => html`<td key=${index} class=${index ? "number" : ""}>${value}</td>`)}</tr>`)}</tbody></table>
      </div>
      <figcaption>On wishes and sums that no stage has seen, at temperature 1. Gold is the hidden rubric that the labeller only guesses at; KL in nats an answer from the assistant.</figcaption>
    </section>`;
}
