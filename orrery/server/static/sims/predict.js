// Simulation 15: predict, then run. The reader commits to an answer; then the engine works it out, and its result is the grade.
import { compute } from "../kit/api.js";
import { number, visible } from "../kit/format.js";
import { html } from "../kit/html.js";
import { ModelPicker, modelOr, useModels } from "../kit/models.js";
import { Quiz } from "../kit/quiz.js";
import { progress } from "../kit/store.js";
import { href, useUrlState } from "../kit/route.js";
import { useStyle } from "../kit/style.js";
import { among, cooler, less, mean, written } from "./predict.model.js";

const DEFAULTS = { model: "" };
const cut = (text, length) => `${visible(text.trim().slice(0, length))}${text.trim().length > length ? "…" : ""}`;
const ask = async (name, asked) => (await compute(name, asked)).answer;

/** Questions that the engine grades: {id, question, options, truth(model)}. */
const QUESTIONS = [
  {
    id: "strawberry",
    question: "How many tokens is the word strawberry to this model?",
    options: [{ text: "1, it is one word" }, { text: "2 to 4" }, { text: "5 to 9" }, { text: "10, it has ten letters" }],
    truth: async (model) => {
      const { places } = await ask("surprise", { model, text: "strawberry" });
      return { right: among(places.length, [1, 4, 9]), says: `It has ${places.length}: ${places.map((place) => visible(place.text)).join(" | ")}. The model never sees the letters.` };
    },
  },
  {
    id: "entropy",
    question: "The scores after “The” are divided by 0.5 instead of 1. Is the choice of the next token then more open?",
    options: [{ text: "More open" }, { text: "Less open" }, { text: "The same: the order of the tokens does not change" }],
    truth: async (model) => {
      const [plain, cold] = await Promise.all([1, 0.5].map((temperature) => ask("draws", { model, text: "The", temperature, draws: 1 })));
      const { right, before, after } = cooler(plain.expected.data, cold.expected.data);
      return { right, says: `The entropy goes from ${number(before, 2)} to ${number(after, 2)} nats. The order stays, the likely become likelier.` };
    },
  },
  {
    id: "seeds",
    question: "Two texts are written at temperature 0, with seed 1 and with seed 2. Are they the same?",
    options: [{ text: "Yes" }, { text: "No" }, { text: "They begin alike and then part" }],
    truth: async (model) => {
      const [one, two] = await Promise.all([1, 2].map((seed) => ask("writing", { model, text: "The", seed, max_tokens: 24 })));
      return { right: written(one.ids, two.ids), says: `The first goes on with “${cut(one.text, 50)}”. At temperature 0 the likeliest token is taken, and no random number is asked for.` };
    },
  },
  {
    id: "again",
    question: "A name that nobody bears stands twice in a text: “Here is Zubek Wollam. He likes fish. Zubek Wollam”. How surprising is it the second time?",
    options: [{ text: "Less than the first time" }, { text: "As much: the model's weights have not changed" }, { text: "More, since names are seldom repeated" }],
    truth: async (model) => {
      const name = " Zubek Wollam";
      const { places } = await ask("surprise", { model, text: `Here is${name}. He likes fish.${name}` });
      const [first, second] = mean(places, name);
      return { right: less(second, first), says: `${number(first, 2)} nats a token at first, ${number(second, 2)} the second time. Attention can look back and copy; the weights are the same.` };
    },
  },
  {
    id: "certain",
    question: "After which of these texts is the model surer how it goes on?",
    options: [{ text: "“Q: What”" }, { text: "“Q: What is the name of the”" }, { text: "About equally sure (within a tenth of a nat)" }],
    truth: async (model) => {
      const [short, long] = await Promise.all(["Q: What", "Q: What is the name of the"].map((text) => ask("draws", { model, text, draws: 1 })));
      const { right, before, after } = cooler(short.expected.data, long.expected.data, 0.1);
      return { right, says: `Entropy ${number(before, 2)} nats after the first, ${number(after, 2)} after the second: it depends on what the last words leave open.` };
    },
  },
  {
    id: "stops",
    question: "It is given “What is the capital of France?” as the beginning of a document, and room for 60 tokens. What does it do?",
    options: [{ text: "It writes something and stops" }, { text: "It goes on until there is no more room" }, { text: "It writes nothing" }],
    truth: async (model) => {
      const { text, ended, ids } = await ask("writing", { model, text: "What is the capital of France?", max_tokens: 60 });
      const right = !text.trim() ? 2 : ended ? 0 : 1;
      return { right, says: `It wrote ${ids.length} tokens: “${cut(text, 90)}” It goes on with a document, and nobody has said where that ends; whether an answer in it is true is another matter.` };
    },
  },
];

export default function Predict() {
  const [state, setState] = useUrlState("predict", DEFAULTS);
  const ready = useStyle("sims/predict.css");
  const list = useModels("base", "assistant");
  const model = modelOr(list, state.model);
  if (!ready) return null;
  if (list?.length === 0) return html`<p class="empty">No model yet: <a href=${href("start")}>start a run</a>, and it can be asked.</p>`;
  const solved = QUESTIONS.filter(({ id }) => progress.value.predict?.[`quiz-${id}`]).length;
  return html`
    <div class="predict">
      <div class="row"><${ModelPicker} list=${list} value=${model} onInput=${(name) => setState({ model: name })} />
        <p class="small muted" aria-live="polite">${solved} of ${QUESTIONS.length} predicted rightly.</p></div>
      ${model && QUESTIONS.map(({ id, question, options, truth }) => html`
        <${Quiz} key=${`${model} ${id}`} chapter="predict" id=${id} question=${question} options=${options} truth=${() => truth(model)} />`)}
    </div>`;
}
