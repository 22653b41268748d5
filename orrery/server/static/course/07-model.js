// Chapter 7: the full model, and its 4,192 parameters.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { integer, percent } from "../kit/format.js";
import { html } from "../kit/html.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";
import { LargerParameters, MicroParameters } from "./figures/parameters.js";

export default function Model() {
  return html`<${Chapter} number=${7} sections=${[
    ["whole", "Four lines", Whole],
    ["stream", "The stream", Stream],
    ["mlp", "Thinking about what was found", Think],
    ["count", "Every parameter", Count],
    ["inside", "From the whole to one number", Inside],
    ["larger", "The same parts, larger", Larger],
  ]} />`;
}

function Whole() {
  return html`
    <p>You have seen all of a language model's parts but one. This is how they stand together, in microGPT, from a token at a position to the score
      of every token as the next one:</p>
    <${Source} name="orrery.scratch.microgpt.forward" />
    <p>Two rows are looked up and added, and the sum is brought to a common size. Each layer then adds two things: what attention has found in the past, and what the MLP makes of it.
      A last matrix compares the result with a row for each token. Nothing else happens, here or in models a hundred million times
      as large; they have more layers, wider rows, and a few refinements that can each be named.</p>`;
}

function Stream() {
  return html`
    <p>Look at what happens to <code>x</code>. After its first line it is never replaced, only added to: <code>x = add(x, …)</code>. That row is called
      the <em>residual stream</em>. Attention and MLP read it and write into it, like people who pass a sheet of paper on, each
      adding a line. What the first layer wrote is there for the last to read, and in training the gradient flows
      back along the same sum: addition hands it on undiminished, as <a href=${href("course/4/blocks")}>chapter 4</a> has it, so even the first of a hundred layers learns.</p>
    <${Source} name="orrery.scratch.microgpt.add" />
    <p>A sum grows, and what grows must not shout. So each part reads a copy that is divided by its own size, the root of the mean of its squares; the
      stream itself stays as it is. Most models multiply each number by a learnt weight afterwards; microGPT does without.</p>
    <${Source} name="orrery.scratch.microgpt.rms_norm" />
    <${Quiz} chapter=${7} id="norm" question="All numbers of the stream are multiplied by 10, just before a norm. What does the part behind it read?"
      options=${[
        { text: "The same as before.", right: true, why:
          "The root of the mean of the squares grows by 10, too, and divides it out: only the direction counts. (All but the tiny 0.00001 that keeps it " +
          "from dividing by zero.)" },
        { text: "Numbers ten times as large.", why: "The norm divides by the row's own size, which has grown by the same factor." },
        { text: "Numbers a hundred times as small.", why: "That would be so if it divided by the mean of the squares. It divides by its root." },
      ]} />`;
}

function Think() {
  return html`
    <p>Attention moves things between positions, but what it hands over are sums. The other half of a layer computes at each
      position by itself. Its first matrix has four times as many rows as the model is wide. Each row is a pattern, and its dot product with the
      stream says how much of it is there. ReLU keeps those that are present and sets the others to 0. The second matrix says what is to be
      added to the stream for each pattern that is present.</p>
    <${Source} name="orrery.scratch.microgpt.mlp" />
    <p>The bend is what matters. Without ReLU two matrices in a row are one matrix, however large, and a hundred layers would still be
      a straight line. With it an MLP can say “if this and this, then that”. Larger models bend more softly, with GELU or SiLU, and
      many multiply by a second set of patterns, the <em>gate</em>, before they go back.</p>
    <${Quiz} chapter=${7} id="relu" question="Somebody leaves out the ReLU and trains as before. What has the MLP become?"
      options=${[
        { text: "A layer that does nothing.", why: "It still adds something to the stream: a matrix times what it reads." },
        { text: "One matrix of 16 × 16, spread over 2,048 parameters.", right: true, why:
          "down · (up · x) is (down · up) · x. It learns, but nothing that one matrix with 256 numbers could not say." },
        { text: "An MLP with negative patterns, too, which is more.", why: "Letting negative numbers through removes the one step that is not linear, and with it every “if”." },
      ]} />`;
}

function Count() {
  return html`
    <p>Here are all the numbers that microGPT has. Change its shape and see which of them grow with what.</p>
    <${MicroParameters} />
    <p>The tables and the output grow with the width; the matrices in the layers with its square, twelve times: four for
      attention, and eight in the MLP. That is why, beyond a certain size, 12 × layers × width² is all one needs to
      know: for 96 layers of 12,288 it gives 174 billion, and GPT-3 is known as the model with 175.</p>
    <${Quiz} chapter=${7} id="heads" question="microGPT has four heads. You give it eight, and leave the rest as it is. How many parameters does it have?"
      options=${[
        { text: "4,192, as before.", right: true, why: "Heads divide the width among them: eight heads of 2 numbers use the same matrices as four of 4." },
        { text: "5,216: attention's four matrices count twice.", why: "The matrices do not know of heads. Only afterwards are their results cut into pieces." },
        { text: "8,384.", why: "Not even attention would double: heads share the width of the model." },
      ]} />`;
}

function Inside() {
  return html`
    <p>Now the same in a model that you have trained: choose a part, see its numbers, choose one of them, and see the sum that made it. Nearly every
      number is a sum of products, from the first query to the last score. Below, the stream is read off after each block, as if there were no others:
      that is the <em>logit lens</em> (nostalgebraist 2020). After the embedding alone the model says mostly the very token it was
      given, because it reads and writes with the same table; block by block this becomes what comes next. And a weight can be changed, on a copy.</p>
    <${Simulation} name="forward" />`;
}

/** Which of three parts holds most of GPT-2 with 124M parameters, counted now. */
async function largestPart() {
  const { answer } = await compute("parameters", {});
  const { parts, parameters } = answer.models.find((one) => one.name === "GPT-2 124M");
  const sizes = [parts["token embedding"] + parts["position embedding"], parts["attention projections"], parts.MLP];
  const right = sizes.indexOf(Math.max(...sizes));
  const told = sizes.map((size) => percent(size / parameters, 0));
  return { right, says: `Counted: embeddings ${told[0]}, attention ${told[1]}, MLPs ${told[2]}, of ${integer(parameters)}.` };
}

function Larger() {
  return html`
    <p>From 4,192 numbers to 1.5 billion the parts stay the same, and the shares move. In microGPT the tables and the output hold a quarter of all
      numbers, in GPT-2 with 124 million a third: a vocabulary costs its size times the width, however shallow the model is. In GPT-2 with 1.5 billion they are a
      twentieth. Of what the layers hold, two thirds are the MLPs' in all of GPT-2's sizes.</p>
    <${LargerParameters} />
    <p>One confusion is common: “GPT-2 has 12 layers, a width of 768 and 1.6 billion parameters.” GPT-2 came in four sizes. 12 layers of width 768 are
      the smallest, with 124 million; the one with 1.5 billion (1,557,611,200, so some round it to 1.6) has 48 layers of width 1,600. All
      have a vocabulary of 50,257 tokens. The formula tells you at once which is meant: 12 × 12 × 768² is 85 million and 12 × 48 × 1,600² is
      1.47 billion.</p>
    <${Quiz} chapter=${7} id="largest" truth=${largestPart} question="Where are most of the parameters of GPT-2 with 12 layers and a width of 768?"
      options=${[
        { text: "In its embeddings.", why: "50,257 rows of 768 are many, nearly a third of all; a vocabulary weighs heavily on a model with few layers. Yet the layers hold more." },
        { text: "In attention.", why: "Four matrices of 768 × 768 in each layer. Attention costs time with long texts, but parameters only as the square of the width." },
        { text: "In the MLPs.", why: "Two matrices with four times the width on one side: eight times the square of the width in each layer, against attention's four." },
      ]} />`;
}
