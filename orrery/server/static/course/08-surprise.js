// Chapter 8: training, and loss as surprise.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { number } from "../kit/format.js";
import { html } from "../kit/html.js";
import { Tex } from "../kit/math.js";
import { modelOr, useModels } from "../kit/models.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";

const PLAIN = "The capital of Spain is a city.";
const MIXED = "city. a is Spain of capital The";
const ORDER = "Each token is judged given those before it: order is most of what a language model has learnt.";

export default function SurpriseChapter() {
  return html`<${Chapter} number=${8} sections=${[
    ["surprise", "What a wrong guess costs", Surprise],
    ["loss", "The loss is a mean", Loss],
    ["start", "Where it begins", Start],
    ["curve", "A curve that you make yourself", Curve],
    ["units", "Nats, bits, choices, bytes", Units],
    ["floor", "Where it ends", Floor],
  ]} />`;
}

function Surprise() {
  const list = useModels("base", "assistant");
  const model = modelOr(list, "");
  const total = async (text) => (await compute("surprise", { model, text })).answer.places.reduce((sum, place) => sum + place.surprise, 0);
  return html`
    <p>A model never says what comes next. It gives a probability to every token, and then one of them comes. How good was that? If it had given the token
      a probability <var>p</var>, we say that its <em>surprise</em> was −ln <var>p</var>. What was certain costs nothing. What had one chance in two costs
      0.69, one chance in a thousand 6.9, and what was held impossible costs more than any number.</p>
    <p>The logarithm is there for one reason. The probability of a whole text is the product of the probabilities of its tokens, each given those before
      it; the logarithm turns the product into a sum, so that surprises can be added up over a word, a sentence or a corpus, and compared.</p>
    <p>Feel it before you compute it. Here is the beginning of a text that no run trains on. Spread your stakes over what may follow, then see what comes.</p>
    <${Simulation} name="surprise" />
    <p>One thing shows within a few rounds. Staking everything on one token pays a little when it is right and ruins you when it is not, so
      the best stakes are your honest probabilities. Then look
      where you win and where the model does: at the meaning of a sentence, at its spelling, at names that stand in the text already.</p>
    ${model && html`<${Quiz} chapter=${8} id="order" question=${`Which text surprises ${model} more in all: “${PLAIN}” or the same words backwards, “${MIXED}”?`}
      options=${[{ text: "The sentence as it is" }, { text: "The words backwards" }, { text: "Both the same: they have the same words" }]}
      truth=${async () => {
        const [plain, mixed] = await Promise.all([total(PLAIN), total(MIXED)]);
        return { right: plain > mixed ? 0 : plain < mixed ? 1 : 2, says: `${number(plain, 1)} nats for the sentence, ${number(mixed, 1)} backwards. ${ORDER}` };
      }} />`}`;
}

function Loss() {
  return html`
    <p>The <em>loss</em> of training is the mean surprise of all tokens that were to be predicted. It is also called negative log-likelihood, or
      cross-entropy. There is no rule of grammar in it and no list of facts; what lowers it is whatever makes the next token less of a surprise. This is
      microGPT's, in full:</p>
    <${Source} name="orrery.scratch.microgpt.loss" />
    <p>A step of training computes it for some text, asks by the chain rule of <a href=${href("course/4")}>chapter 4</a> how each parameter should move to lower
      it, and moves them all a little, as in <a href=${href("course/3")}>chapter 3</a>. The gradient at the scores has a form that is worth
      remembering:</p>
    <${Tex} block>${String.raw`\frac{\partial(-\ln p_{\text{came}})}{\partial \text{score}_i} = p_i - \begin{cases}1 & \text{if } i \text{ came}\\ 0 & \text{otherwise}\end{cases}`}<//>
    <p>Every score is pushed by as much as its probability was wrong: that of the token that came upwards, all others down. Where the model was sure and right,
      nothing moves. Learning comes from surprise.</p>
    <${Quiz} chapter=${8} id="sum" question="A text has two tokens, and the model gave each of them a probability of 1/8. What is the surprise of the text, and what the loss?"
      options=${[
        { text: "4.16 and 2.08 nats", right: true, why: "ln 8 = 2.08 for each. The surprise of the text is their sum, the loss their mean." },
        { text: "2.08 and 4.16 nats", why: "The loss is the mean, so it cannot be more than the sum." },
        { text: "1.39 nats for both", why: "That is ln 4, as if the probabilities had been added. They multiply: 1/64, and ln 64 = 4.16." },
      ]} />`;
}

function Start() {
  return html`
    <p>At first the parameters are random and small, and every token is about as likely as every other: 1/<var>V</var>, with <var>V</var> tokens in the
      vocabulary. So the first loss should be close to ln <var>V</var>, and it is worth checking that it is. For the 27 tokens of microGPT that is 3.296; the first
      step of <code>orrery microgpt</code> on our own names, with seed 42, gives 3.290. A first loss far above it means that the model begins certain
      and wrong.</p>
    <p>After 1,000 steps the mean of the last hundred losses is 2.29. The single ones among them lie between 1.65 and 3.15, because each step reads one name, and some names are
      odder than others. One often sees the loss of the last step quoted as the result of such a run. It is the result of its last name.</p>
    <${Quiz} chapter=${8} id="noise" question="In such a run the loss was 2.26 in one step and 3.15 in the next. What has happened?"
      options=${[
        { text: "Training diverges: lower the learning rate.", why: "A single step says nothing. Look at a running mean, or at a loss on text that is held out." },
        { text: "Most probably just another name.", right: true, why: "Each loss is that of one document. Only a mean over many, or the same held-out text each time, can be compared." },
        { text: "The model has forgotten what it knew.", why: "One small step changes little; what changed is what it was asked." },
      ]} />`;
}

function Curve() {
  return html`
    <p>Here is the loss of a training that really runs, in a process of its own on this machine. Start one, and watch: a steep fall while the model learns which tokens
      are frequent at all, then which follow which, then a long slope in which it learns everything else. Change the learning rate while it runs. Too high, and the curve leaps up;
      lowered to nothing at the end, it takes a last step down, because the parameters stop shaking.</p>
    <${Simulation} name="live-loss" />
    <p>The faint line is the loss of each step's own batch, the bold one its smoothed mean. The loss on held-out text is the one to trust: a model can come to know what it
      has read by heart, and that lowers the first and not the second.</p>`;
}

function Units() {
  return html`
    <p>With natural logarithms surprise is counted in <em>nats</em>; divided by ln 2 it is in <em>bits</em>, of which a fair coin has one. Raise e to the mean
      surprise and it becomes the <em>perplexity</em>: among how many equal choices one would be as unsure. A loss of 2.29 nats is a perplexity of 9.9: microGPT
      guesses letters as if it had ten to choose from, instead of 27.</p>
    <p>None of these compares two models whose tokens differ. Longer tokens are fewer, and each carries more surprise. What can be
      compared is the surprise of a whole text over its length in bytes: <em>bits per byte</em>. It is also what a file compressor built on the model would need.
      Here it is as Orrery reports it for every base model: <code>nats</code> are the surprises of held-out text added up, <code>size</code> its length in bytes.
      The floor beside it is the next section's.</p>
    <${Source} name="orrery.training.held_out._rates" />`;
}

function Floor() {
  return html`
    <p>Loss does not go to zero, and should not. After “The capital of France is” there is little to choose; after “Yesterday I met” there is much, and the honest
      probability is spread. The surprise that remains for a reader who knows everything there is to know is the entropy of the text itself.</p>
    <p>For real text nobody knows it. For the world that Orrery writes it is known, because the program that wrote each document counts the choices that it made. This
      number is the <em>floor</em>, and what a model has above it is what it has not learnt yet: one of the models in our log had 0.370 bits
      per byte on a floor of 0.270. A loss that falls well below its floor on new text would not be a triumph. It would be a leak.</p>`;
}
