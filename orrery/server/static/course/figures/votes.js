// Figures: what a vote is worth in theory and as measured; and one question's ballots, counted.
import { useCompute } from "../../kit/api.js";
import { Bars } from "../../kit/bars.js";
import { Chart } from "../../kit/chart.js";
import { Button, Segmented, Select, Slider, TextInput, Trouble, Waiting } from "../../kit/controls.js";
import { Figure } from "../../kit/figure.js";
import { number, percent } from "../../kit/format.js";
import { html, useState } from "../../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../../kit/models.js";
import { useUrlState } from "../../kit/route.js";
import { useStyle } from "../../kit/style.js";
import { MeasuredBadge, mean, useMeasured } from "./measured.js";
import { count, vote } from "./votes.model.js";

const SIZES = [1, 2, 4, 8, 16, 32];
const VOTES = { right: 0.54, wrong: 4 };
const BALLOT = { source: "measured", question: 2, size: 16, model: "", asked: "Work it out: 4 + 3 - 2", seed: 0 };

/** Chance of the vote against its size, beside what the ledger measured. */
export function VotesFigure() {
  const [state, setState] = useUrlState("votes", VOTES);
  const measured = useMeasured("self_consistency");
  const { result, error } = useCompute("votes", { ...state, sizes: SIZES });
  const exact = SIZES.map((size) => vote(state.right, state.wrong, size));
  const seen = SIZES.map((size) => (measured ? mean(measured, size === 1 ? "pass@1" : `majority@${size}`) : null));
  return html`
    <${Figure} title="How often the vote is right" result=${result}
      table=${{ columns: ["answers", "theory", "measured"], rows: SIZES.map((size, i) => [size, exact[i], seen[i] ?? ""]) }}
      caption="Theory: each answer is right with one chance and otherwise one of several wrong ones, all independent. The vote helps wherever the right answer
        is commoner than each wrong one, even below one half; where one wrong answer is commoner, it makes things worse.">
      <div class="columns">
        <div class="stack">
          <${Slider} label="one answer is right" value=${state.right} min=${0.02} max=${0.98} step=${0.01} onInput=${(right) => setState({ right })} />
          <${Slider} label="different wrong answers" value=${state.wrong} min=${1} max=${12} step=${1} digits=${0} onInput=${(wrong) => setState({ wrong })} />
          <p class="small">A vote of 16 is right in${" "}
            <span class="number" data-name="vote-16" data-value=${exact[4]}>${percent(exact[4])}</span> of cases, one answer in <span class="number">${percent(state.right)}</span>.</p>
        </div>
        <${Chart} label="Share right against the number of answers" x=${SIZES} xLabel="answers" height=${240}
          lines=${[{ label: "theory", values: exact, colour: 1 }, { label: "measured, mean of seeds", values: seen, colour: 2, dashed: true }]} />
      </div>
      ${error && html`<${Trouble}>${error}<//>`}
      ${measured && html`<${MeasuredBadge} of=${measured} />`}
    <//>`;
}

/** One question and all that was answered to it: as the ledger kept it, or by a model of this machine. */
export function BallotFigure() {
  const [state, setState] = useUrlState("ballot", BALLOT);
  const measured = useMeasured("self_consistency");
  const models = useModels("assistant");
  const model = modelOr(models, state.model);
  const own = state.source === "own";
  useStyle("course/figures/figures.css");
  const live = useCompute("answers", own && model ? { model, question: state.asked, count: state.size, seed: state.seed } : null);
  if (!measured) return html`<${Waiting} what="Reading what was measured" />`;
  const rows = measured.rows[0];
  const row = rows[Math.min(state.question, rows.length - 1)];
  const answers = own ? (live.result?.answer.numbers ?? []) : row.said.slice(0, state.size);
  const counted = count(answers);
  const truth = own ? null : row.truth;
  return html`
    <${Figure} title="Ballots, counted" result=${own ? live.result : undefined}
      table=${{ columns: ["answer", "votes"], rows: counted.map((one) => [String(one.answer), one.count]) }}
      caption=${own
        ? "Each answer is sampled anew at temperature 1, and the number that it ends with is its ballot. A model made in a minute "
          + "can add almost nothing: its ballots are scattered, and a vote cannot find what no sample knows."
        : "Answers that an assistant of a full speedrun gave to one sum at temperature 1. Right ones agree with each other, since there is one way to be right; wrong ones are scattered."}
      controls=${html`
        <${Segmented} label="Whose answers" value=${state.source} options=${[["measured", "Measured"], ["own", "A model of this machine"]]} onInput=${(source) => setState({ source })} />
        <${Slider} label="answers" value=${state.size} min=${1} max=${32} step=${1} digits=${0} onInput=${(size) => setState({ size })} />
        ${own
          ? html`<div class="row"><${ModelPicker} list=${models} value=${model} onInput=${(name) => setState({ model: name })} />
              <${TextInput} label="Question" value=${state.asked} wait=${400} maxLength=${200} onInput=${(asked) => setState({ asked })} />
              <${Button} onClick=${() => setState({ seed: state.seed + 1 })}>Ask again<//></div>`
          : html`<${Select} label="Question" value=${String(state.question)}
              options=${rows.slice(0, 40).map((one, i) => [String(i), one.question])} onInput=${(index) => setState({ question: Number(index) })} />`}`}>
      ${live.busy && own && !live.result ? html`<${Waiting} what="The model answers" />` : html`
        <${Bars} label="Votes for each answer" max=${Math.max(1, answers.length)} format=${(votes) => number(votes, 0)} items=${counted.slice(0, 10).map((one) => ({
          key: one.answer, label: String(one.answer), value: one.count, mark: one.answer === truth, note: one.answer === truth ? "right" : undefined }))} />
        <p class="small" aria-live="polite">${counted.length === 0 ? "No answer names a number." : html`
          ${answers.length} answers, ${counted.length} different; the vote says${" "}
          <strong data-name="ballot" data-value=${counted[0].answer}>${counted[0].answer}</strong>${verdict(counted[0].answer, truth)}`}</p>`}
      ${own && live.error && html`<${Trouble}>${live.error}<//>`}
      ${!own && html`<${MeasuredBadge} of=${measured} />`}
    <//>`;
}

const verdict = (answer, truth) => (truth === null ? "." : answer === truth ? ", which is right." : `, which is wrong: it is ${truth}.`);
