// Chapter 1: numbers: vectors and dot products.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { number } from "../kit/format.js";
import { html } from "../kit/html.js";
import { modelOr, useModels } from "../kit/models.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";

const ALIKE = "Tokens that are used alike are pushed alike; how far that has gone depends on how long the model was trained.";

export default function NumbersChapter() {
  return html`<${Chapter} number=${1} sections=${[
    ["vectors", "A list of numbers", Vectors],
    ["dot", "Multiply and add up", DotProduct],
    ["patterns", "A number that says how well two things fit", Patterns],
    ["matrices", "Many questions at once", Matrices],
    ["model", "Two rows of a model", Rows],
  ]} />`;
}

function Vectors() {
  return html`
    <p>Inside a language model there are no words. There are lists of numbers, and what is done to them is mostly multiplying and adding. A list
      of numbers is called a <em>vector</em>, and how many numbers it has is its <em>width</em>, or dimension. In microGPT every position of a
      text is a vector of 16 numbers; in Llama 3.1 405B, of 16,384. The arithmetic is the same.</p>
    <p>Two numbers can be drawn as an arrow in a plane, three as an arrow in space. More cannot be drawn, but nothing else changes: an arrow of 16
      numbers has a length too, and two of them stand at an angle. So we look at two numbers, and believe the formulas for the rest.</p>
    <p>Vectors can be added, number by number, and stretched, by multiplying every number by the same factor. That is how a model puts things
      together: <code>add</code> is all that happens where a block hands its result on.</p>
    <${Source} name="orrery.scratch.microgpt.add" />`;
}

function DotProduct() {
  return html`
    <p>The one operation that matters most takes two vectors and gives a single number. Multiply the first number of one by the first of the
      other, the second by the second, and so on, and add up the products. That is the <em>dot product</em>. The whole of it in Orrery's
      scalar engine:</p>
    <${Source} name="orrery.scratch.autograd.dot" />
    <p>Drag the arrows, or choose one and use the arrow keys. Where both point the same way the dot product is their lengths multiplied. Turn one
      away and it falls; at a right angle it is 0, because the products cancel; beyond that it is negative.</p>
    <${Simulation} name="dot" part="arrows" />
    <${Quiz} chapter=${1} id="sum" question="What is the dot product of (1, 2, 0) and (3, −1, 7)?"
      options=${[
        { text: "1", right: true, why: "1 × 3 + 2 × (−1) + 0 × 7 = 3 − 2 + 0. The 7 does not count, as the other vector has nothing there." },
        { text: "(3, −2, 0)", why: "Those are the products. The dot product is their sum, a single number." },
        { text: "12", why: "That is all six numbers added up; each must be multiplied by its partner first." },
      ]} />`;
}

function Patterns() {
  return html`
    <p>Why does this sum turn up everywhere? Because it measures agreement. A term is large where both vectors are large with the same sign, and it
      counts against them where the signs differ. Take one of the two as a pattern, and the dot product says how much of the pattern is in
      the other: the shadow that it throws in the pattern's direction, times the pattern's length.</p>
    <p>Length plays its part in this: a vector that is twice as long has twice the dot product with everything. To compare directions alone,
      divide by both lengths. What is left is the cosine of the angle, from −1 (opposite) through 0 (nothing in common) to 1 (the same
      direction). In the plane, a cosine of 0 is rare luck. In many dimensions it is the rule: two random arrows of <var>n</var> numbers have a
      cosine of about ±1/√<var>n</var>, so among thousands of numbers nearly everything is nearly at a right angle to everything else, and there is
      room for very many directions that do not disturb each other.</p>
    <${Quiz} chapter=${1} id="length" question="You double every number of one of two vectors. What happens to their dot product, and to their cosine?"
      options=${[
        { text: "Both double.", why: "The cosine divides by the lengths, and the length has doubled as well." },
        { text: "The dot product doubles, the cosine stays.", right: true, why: "Every product doubles, and so does their sum; the direction is the same as before." },
        { text: "Neither changes.", why: "The dot product is a sum of products, and every one of these has doubled." },
      ]} />`;
}

function Matrices() {
  return html`
    <p>One pattern asks one question. A <em>matrix</em> is many patterns of the same width stacked one a row, and multiplying it by a vector
      means: take the dot product with every row, and write the answers into a new vector.</p>
    <${Source} name="orrery.scratch.microgpt.linear" />
    <p>This is what a <em>linear layer</em> is. A matrix of 64 rows turns a vector of 16 numbers into one of 64, as microGPT's MLP does: 64 patterns are
      looked for, at 16 multiplications each. Nearly all arithmetic of a language model, large or small, is of this kind, which is why machines that multiply
      matrices fast decide what can be trained.</p>
    <${Quiz} chapter=${1} id="cost" question="A model is 4,096 wide and multiplies a matrix of 4,096 rows by a vector. How many multiplications is that?"
      options=${[
        { text: "4,096", why: "That is a single dot product; there are as many of them as the matrix has rows." },
        { text: "8,192", why: "Rows and columns are not added: every row is multiplied by the whole vector." },
        { text: "16,777,216", right: true, why: "4,096 dot products of 4,096 terms each. Twice the width costs four times the work." },
      ]} />`;
}

function Rows() {
  const list = useModels("base", "assistant");
  const model = modelOr(list, "");
  const cosine = async (second) => (await compute("embedding", { model, first: "7", second })).answer.cosine;
  return html`
    <p>Now the same with vectors that nobody has drawn. Every token of a model has a row of numbers, its <em>embedding</em>, which training has set
      (<a href=${href("course/5")}>chapter 5</a> tells how). Compare two of them number by number. No single one says much, yet the sum does: in
      the one-minute run with which this was written, the seven rows nearest to that of 7 were all digits', though nobody had told the model that they are alike.</p>
    <${Simulation} name="dot" part="rows" />
    ${model && html`<${Quiz} chapter=${1} id="digits" question=${`Commit yourself first: which row of ${model} points more in the direction of the row of “7”?`}
      options=${[{ text: "The row of “8”" }, { text: "The row of “e”" }]}
      truth=${async () => {
        const [eight, letter] = await Promise.all([cosine("8"), cosine("e")]);
        return { right: eight > letter ? 0 : 1, says: `The cosines are ${number(eight, 3)} for “8” and ${number(letter, 3)} for “e”. ${ALIKE}` };
      }} />`}
    <p>Two more dot products are waiting. <a href=${href("course/6")}>Attention</a> compares what one position looks for with what another offers, and the last
      layer compares where a text has arrived with every token that could follow.</p>`;
}
