// Chapter 9: generation and temperature.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { percent } from "../kit/format.js";
import { html } from "../kit/html.js";
import { Tex } from "../kit/math.js";
import { modelOr, useModels } from "../kit/models.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";
import { Writing } from "./figures/writing.js";

export default function Generation() {
  return html`<${Chapter} number=${9} sections=${[
    ["loop", "One token, again and again", Loop],
    ["greedy", "The likeliest text is a poor one", Greedy],
    ["temperature", "Temperature", Temperature],
    ["filters", "Cutting off the tail", Filters],
    ["seeds", "Chance that can be repeated", Seeds],
    ["predict", "Say it first", Predict],
  ]} />`;
}

function Loop() {
  return html`
    <p>A trained model is a function: text in, a probability for every token out. It does not write. Writing is a loop around it: read what is there, choose one
      token, append it, and read again, until a token comes that means the end or there is no more room. In microGPT the loop is this:</p>
    <${Source} name="orrery.scratch.microgpt.MicroGPT.sample" />
    <p>What has been chosen stays. The model cannot go back and cross out a word; it can only go on from it, and every token it wrote is from now on as much of a given as
      those of the reader. How to choose is therefore not a detail. The model has no say in it: everything in this chapter happens after its last layer.</p>`;
}

function Greedy() {
  const list = useModels("base", "assistant");
  const model = modelOr(list, "");
  const repeated = async (temperature) => (await compute("writing", { model, text: "It was", max_tokens: 80, temperature, seed: 1 })).answer.repeated;
  return html`
    <p>The obvious rule is to take the likeliest token each time. This is called <em>greedy</em>. It is right for a question with one answer, and wrong for nearly everything else:
      the likeliest next token is usually a colourless one, and a sentence that has once been written makes itself likelier. Base models, asked to write on greedily,
      often end in loops (arXiv 1904.09751).</p>
    <${Writing} />
    <p>The loop is not stupidity. Text does repeat itself, so a model is right to expect what has just stood there; and each repetition is further evidence for one more.
      A person who writes says things that are <em>worth</em> saying because they were not the likeliest. To get text that looks like text one has to
      draw from the probabilities and not take the top of them.</p>
    ${model && html`<${Quiz} chapter=${9} id="loops" question=${`${model} writes 80 tokens after “It was”, greedily and drawn at temperature 1. In which do more runs of four tokens repeat?`}
      options=${[{ text: "In the greedy text" }, { text: "In the drawn text" }, { text: "In both as many" }]}
      truth=${async () => {
        const [greedy, drawn] = await Promise.all([repeated(0), repeated(1)]);
        const right = greedy > drawn ? 0 : greedy < drawn ? 1 : 2;
        return { right, says: `Repetitions were ${percent(greedy, 0)} of the runs in the greedy text, ${percent(drawn, 0)} in the drawn one.` };
      }} />`}`;
}

function Temperature() {
  return html`
    <p>Between the two there is a dial. Divide all scores by a number <var>T</var>, the <em>temperature</em>, before they become probabilities:</p>
    <${Tex} block>${String.raw`p_i = \frac{e^{s_i / T}}{\sum_j e^{s_j / T}}`}<//>
    <p>At <var>T</var> = 1 these are the model's own. Below 1 the differences between scores grow and the likely become likelier; towards 0 the likeliest takes
      all. Above 1 the differences shrink, until at last every token of the vocabulary is as likely as every other, which is noise. The order of the tokens never
      changes, and neither does the model. The name is from physics, where the same formula says how probable a state of some energy is.</p>
    <p>Set the dial and draw. Nothing here is pretended: the button asks the engine's own sampler for as many tokens as you like and counts them.</p>
    <${Simulation} name="temperature" />
    <${Quiz} chapter=${9} id="ratio" question="Two tokens have the scores 3 and 1. At temperature 1 the first is e² ≈ 7.4 times as likely as the second. How many times at temperature 0.5?"
      options=${[
        { text: "3.7 times", why: "Temperature divides scores and not probabilities." },
        { text: "14.8 times", why: "The scores double, and with them the exponent: the ratio is squared, not doubled." },
        { text: "54.6 times", right: true, why: "The difference of the scores becomes 4, and e⁴ ≈ 54.6: the square of what it was." },
      ]} />`;
}

function Filters() {
  return html`
    <p>Drawing at temperature 1 has a weakness. A vocabulary has thousands of tokens that do not fit at all, and each has a little probability. A little
      times thousands is not little: every so often one of them is drawn, and the text has to live with it. So the tail is cut off before drawing, in one of three
      ways. <em>Top k</em> keeps the <var>k</var> likeliest. <em>Top p</em>, or nucleus sampling, keeps as many of the likeliest as together have the probability <var>p</var>: few where
      the model is sure, many where it is not. <em>Min p</em> keeps whatever is at least so likely as that share of the likeliest.</p>
    <${Source} name="orrery.inference.sampling.filtered_probabilities" />
    <p>The order matters. Here temperature comes first, so a high one also widens the nucleus; other programs may do it the other way round, and then the same
      numbers mean something else. In reinforcement learning, where the probabilities of drawn tokens are part of the gradient, Orrery draws with none
      of these: a filter would train another distribution than the one that wrote.</p>
    <${Quiz} chapter=${9} id="nucleus" question="Four tokens have the probabilities 50%, 30%, 15% and 5%. How many does top p = 0.9 keep?"
      options=${[
        { text: "2", why: "Two have 80% together, which is not 90% yet." },
        { text: "3", right: true, why: "Two have 80%, three 95%. The token that crosses the boundary stays in, so at least one always remains." },
        { text: "4", why: "The last is not needed: the first three have more than 90% already." },
      ]} />`;
}

function Seeds() {
  return html`
    <p>Drawing needs random numbers: one for each token, between 0 and 1. Lay the probabilities side by side as pieces of a line of length 1, and the number
      points at one of them.</p>
    <${Source} name="orrery.inference.sampling.draw" />
    <p>The random numbers come from a generator that is started with a <em>seed</em>, and with the same seed come out the same. So chance is no
      excuse: the same model, text, settings and seed give the same answer, today and tomorrow. In Orrery each request has a stream of its own, so
      that it does not depend on what else the engine is busy with. Move the temperature above while a seed stands, and you see the same
      200 numbers fall into pieces of changing width.</p>`;
}

function Predict() {
  return html`
    <p>Six questions about a model of yours. There is no answer sheet: commit yourself, and the engine works it out. Then go on
      to <a href=${href("course/10")}>what changes when all this becomes large</a>.</p>
    <${Simulation} name="predict" />`;
}
