// Chapter 3: gradient descent.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { Tex } from "../kit/math.js";
import { Quiz } from "../kit/quiz.js";
import { Simulation } from "../kit/simulation.js";

export default function Descent() {
  return html`<${Chapter} number=${3} sections=${[
    ["step", "A step against the slope", Step],
    ["rate", "How far to step", Rate],
    ["many", "Many numbers at once", Many],
    ["adam", "A pace for each number", Adam],
    ["real", "A slice of a real loss", Real],
  ]} />`;
}

function Step() {
  return html`
    <p>The slope says which way is down, and it says it for the place where one stands, not for the valley. So one takes a step, looks again, and takes
      the next. Each step subtracts from the number its slope, times a factor that says how far to trust it, the <em>learning rate</em> <var>η</var>:</p>
    <${Tex} block>${String.raw`w \leftarrow w - \eta \, \frac{\partial L}{\partial w}`}<//>
    <p>That is all. There is no plan and no map; nothing knows where the bottom is, or whether there is one. It works because slopes shrink as a
      valley flattens, so that steps become shorter by themselves near its floor.</p>
    <${Simulation} name="descent" only="curve" />`;
}

function Rate() {
  return html`
    <p>On <code>x^2</code> one can follow it by hand. The slope is 2<var>x</var>, so a step takes <var>x</var> to <var>x</var> − 2<var>ηx</var> =
      (1 − 2<var>η</var>) <var>x</var>: each step multiplies the distance to the bottom by the same factor. With a rate of 0.15 the
      factor is 0.7, and the ball arrives. With 0.9 it is −0.8: the ball lands on the other side each time, a little lower. With 1.05 it is −1.1, and
      every swing is wider than the last. Nothing about the valley has changed between the last two, only the rate.</p>
    <p>The general rule is that the rate must stay below 2 over the curvature, the slope of the slope, which is 2 here. Steeper valleys need smaller rates. A loss that suddenly grows
      without bound has usually met a place that is more curved than its rate allows; the cure is a smaller rate, and a growing loss is the most common sight in training that went wrong.</p>
    <${Quiz} chapter=${3} id="edge" question="On x², from 2.5, with a learning rate of exactly 1: where is the ball after 40 steps? Decide first; then the engine rolls it." truth=${atOne}
      options=${[
        { text: "At 0", why: "It would be, in a single step, with a rate of 0.5: then the factor is 1 − 2 · 0.5 = 0." },
        { text: "At 2.5, where it began", why: "The factor is 1 − 2 = −1. It swings between 2.5 and −2.5 for ever, neither gaining nor losing; after an even number of steps it is back." },
        { text: "Far away", why: "That takes a factor beyond −1. At exactly 1 it only never gets any better." },
      ]} />
    <p>Try the curve with two valleys, <code>x^4/4 - x^2 + x/3</code>. The ball ends in the one that it started in, though the other may be deeper. With
      thousands of numbers this worry turned out to be smaller than it looks: where all directions must curve upwards at once to trap the ball, a way out is seldom missing.</p>`;
}

/** Ask the engine to roll the ball with a rate of 1. */
async function atOne() {
  const { answer } = await compute("descent", { expression: "x^2", start: [2.5], rate: 1, steps: 40 });
  const end = answer.places.data[40];
  return { right: Math.abs(end) < 1e-9 ? 0 : Math.abs(end - 2.5) < 1e-9 ? 1 : 2, says: `The engine's ball is at ${end}, and the loss is still ${answer.losses.data[40]}.` };
}

function Many() {
  return html`
    <p>With two numbers the loss is a landscape, and with 4,192 it is one that cannot be drawn, but the step stays the same: each number moves
      against its own slope, all at once. The slopes together are the <em>gradient</em>, an arrow that points the way in which the loss rises
      fastest; so the step goes the other way.</p>
    <${Simulation} name="descent" only="map" />
    <p>The trouble with many numbers is that they share one rate. In the ravine above the ground is eight times as curved across as along. The rate
      that the walls allow, below 0.5, is slow along the floor; a little more, and the ball leaps from wall to wall while it hardly comes forward.
      Deep networks are full of such ravines.</p>
    <${Quiz} chapter=${3} id="ravine" question="In the ravine x²/4 + 2y² the curvature is 1/2 along x and 4 along y. What is the largest rate below which the ball does not fly away?"
      options=${[
        { text: "4", why: "That is 2 over the smaller curvature: the rate that the floor alone would stand. The walls give way long before." },
        { text: "0.5", right: true, why: "2 over the largest curvature, 2/4. The steepest direction decides for all of them; press “It flies away” to see 0.51." },
        { text: "About 0.9, in between", why: "There is no averaging. As soon as one direction swings wider with every step, the loss grows without end." },
      ]} />`;
}

function Adam() {
  return html`
    <p>Two amendments make it practical. <em>Momentum</em> steps along a running mean of the gradients: what points to and fro across the ravine cancels
      out, what points along it adds up. And each number's step is divided by the usual size of its own gradient, so that all go at about the same pace,
      whether their slopes are large or small. Both together are <em>Adam</em>, and this is all of it:</p>
    <${Source} name="orrery.scratch.microgpt.Adam.step" />
    <p><code>m</code> is the running mean, <code>v</code> the running mean of the squares. Both begin at 0 and would be too small at first, which the two divisions mend. The first step of
      all has a simple size: <code>m</code> over the root of <code>v</code> is 1 or −1, so every number that has a gradient at all moves by the
      learning rate, however large or small that gradient is. The rate itself falls to nothing over the training, so that the last steps settle what the first ones found.</p>
    <${Quiz} chapter=${3} id="adam" question="You multiply the loss by 1,000 and change nothing else. What happens to the steps that Adam takes?"
      options=${[
        { text: "They become 1,000 times as long", why: "That is what plain gradient descent would do, and it would fly away." },
        { text: "Nothing, almost", right: true,
          why: "Gradients grow by 1,000, their usual size does too, and Adam divides the one by the other. Only the tiny number added below the line, 10⁻⁸, notices." },
        { text: "They become 1,000 times as short", why: "The division by the usual size only undoes the growth; it does not turn it round." },
      ]} />`;
}

function Real() {
  return html`
    <p>A loss of 4,192 numbers cannot be drawn, but a plane through it can. Take the model as it is, two directions, and compute the loss of 16 names wherever
      the two lead. With the gradient as one direction, the ground falls steeply along it; with two random directions it is almost flat, for among 4,192
      directions few matter.</p>
    <${Simulation} name="descent" only="model" />
    <p>Such pictures are easily read for more than they say. How rough or smooth they look depends on how the directions are scaled: a model whose
      weights are large seems flat when it is shifted by the same amount as one whose weights are small. The third choice scales each
      direction row by row to the size of the weights (<a href="https://arxiv.org/abs/1712.09913">Li and others, 2018</a>), so
      that pictures of two models can be compared. And they still show two directions
      of 4,192.</p>
    <p>One thing differs from the figures: training never sees this landscape. Each step reads one name, and goes down the slope of
      that name's loss, which is the true slope plus chance. The ball staggers. Yet with steps that are small enough the chance averages out, and reading one name
      instead of all of them makes a step thousands of times cheaper. This is <em>stochastic</em> gradient descent, and it is why the loss curves of real trainings are ragged.</p>`;
}
