// Chapter 4: the autograd engine and its six building blocks.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { Tex } from "../kit/math.js";
import { Quiz } from "../kit/quiz.js";
import { Simulation } from "../kit/simulation.js";

export default function Autograd() {
  return html`<${Chapter} number=${4} sections=${[
    ["value", "A number that remembers", Remembers],
    ["blocks", "Six building blocks", Blocks],
    ["chain", "The chain rule", Chain],
    ["shared", "Why it says +=", Shared],
    ["order", "In the right order", Order],
    ["cost", "What it costs", Cost],
  ]} />`;
}

function Remembers() {
  return html`
    <p>We want slopes of programs: of anything that a few lines of Python compute, without working out formulas by hand. The trick is to compute with
      numbers that remember how they were made. A <code>Value</code> has its number, the values that it was made from, and for each of these
      the <em>local gradient</em>: by how much it moves when that one moves a little.</p>
    <${Source} name="orrery.scratch.autograd.Value.__init__" />
    <p>Computing as usual then leaves a trace, a graph from the inputs to the result, with a number on every line. Nothing has to be prepared:
      loops and branches leave their trace as they run. Everything else is walking back along it.</p>`;
}

function Blocks() {
  return html`
    <p>Six operations know their local gradients, the six rules of <a href="#/course/2/rules">chapter 2</a>. Read each as a sentence: what comes out, what it was made from, and
      how it moves with each.</p>
    <${Source} name="orrery.scratch.autograd.Value.__add__" />
    <${Source} name="orrery.scratch.autograd.Value.__mul__" />
    <${Source} name="orrery.scratch.autograd.Value.__pow__" />
    <${Source} name="orrery.scratch.autograd.Value.log" />
    <${Source} name="orrery.scratch.autograd.Value.exp" />
    <${Source} name="orrery.scratch.autograd.Value.relu" />
    <p>Where mathematics has no number, such as the logarithm of 0, they raise an error that names the culprit: a silent NaN would spread through every
      weight at the next step. All other operations are made of these six and need no rules of their own. Subtraction adds a number times −1, division multiplies by a
      power of −1, and the sigmoid is written in two ways, so that where one would overflow the other is taken:</p>
    <${Source} name="orrery.scratch.autograd.Value.sigmoid" />
    <${Quiz} chapter=${4} id="divide" question="The engine has no rule for division. Where does the slope of a / b with respect to b come from?"
      options=${[
        { text: "From pow and mul: a / b is a · b⁻¹", right: true,
          why: "pow gives −b⁻² for b⁻¹ with respect to b, mul gives a for the product with respect to b⁻¹. The chain multiplies them: −a / b²." },
        { text: "From trying: it computes a / b twice", why: "It never varies a number. Every local gradient is exact and comes from a rule." },
        { text: "It has none; dividing stops the gradient", why: "Then nothing could be learnt through a softmax, which divides by a sum." },
      ]} />`;
}

function Chain() {
  return html`
    <p>If <var>u</var> moves three times as fast as <var>x</var>, and <var>y</var> twice as fast as <var>u</var>, then <var>y</var> moves six times as
      fast as <var>x</var>. That is the chain rule:</p>
    <${Tex} block>${String.raw`\frac{\partial y}{\partial x} = \frac{\partial y}{\partial u} \cdot \frac{\partial u}{\partial x}`}<//>
    <p>Along a path, local gradients multiply. One could multiply from the inputs onwards, and would have to begin anew for each of them. From the
      result backwards, one walk serves them all: give the result a gradient of 1, and let every node hand to each ingredient its own gradient times the number on the line.
      Step through it; the arrow keys work too.</p>
    <${Simulation} name="autograd" />
    <${Quiz} chapter=${4} id="cube"
      question="Let x = 2 and y = x · x · x, written with two multiplications. What gradient does x end up with? Decide first; then the engine runs backward." truth=${cube}
      options=${[
        { text: "4", why: "That is what one of the three uses of x brings: the product of the two others, 2 · 2. There are three." },
        { text: "8", why: "That is the value of y." },
        { text: "12", why: "Each of the three uses brings 2 · 2 = 4, and what arrives adds up: 3x² = 12, without anybody having told the engine about cubes." },
      ]} />`;
}

/** Ask the engine for the gradient of x · x · x at 2. */
async function cube() {
  const { answer } = await compute("autograd", { expression: "x*x*x", values: { x: 2 } });
  const { gradient } = answer.nodes.find((node) => node.label === "x");
  return { right: [4, 8, 12].indexOf(gradient), says: `The engine gives ${gradient}, from a graph of ${answer.nodes.length} nodes.` };
}

function Shared() {
  return html`
    <p>A value that is used twice moves the result in two ways at once. To first order the two effects add, and so do the gradients that arrive along
      the two lines. In the code it is a single character: <code>parent.grad += …</code> and not <code>=</code>. Choose <code>a + a</code> in the
      figure above: each line brings 1, and the gradient is 2. With <code>=</code> the second would wipe out the first, every weight that is used
      more than once would get a wrong gradient, and in a language model that is nearly every weight, since the same matrices serve every position. Nothing would crash. The model would
      merely learn badly, which is the worst kind of error.</p>
    <p>The same <code>+=</code> has a price: gradients must be set back to 0 before the next step, or they add up over steps as well. In our training
      Adam does it when it has used them.</p>
    <${Quiz} chapter=${4} id="forgot" question="Somebody forgets to set the gradients of the weights back to 0 between steps. What does each step then follow?"
      options=${[
        { text: "The gradient of the newest name alone", why: "That is what it should follow. But backward adds to what is there." },
        { text: "The sum of the gradients of all names so far", right: true,
          why: "Old gradients never go away, taken at weights that are long gone. Steps grow, and the training usually flies apart. "
            + "Used on purpose, for a few steps only, the same effect makes one large batch out of several small ones." },
        { text: "Nothing: Python raises an error", why: "Adding is always possible. Such errors are silent, which is why tests compare gradients with those of another library." },
      ]} />`;
}

function Order() {
  return html`
    <p>A node may hand on its gradient only when it has all of it, from everything that was made of it. So the graph is first put into an order in which
      ingredients stand before what is made of them, and then walked from its end. The ordering apart, this is the heart of the
      engine, and of every engine of its kind:</p>
    <${Source} name="orrery.scratch.autograd.Value.backward" />
    <p>The ordering avoids recursion, because the graph of a long text is deeper than Python's stack. The method is half a century old; it became the
      standard way to train networks
      with <a href="https://doi.org/10.1038/323533a0">Rumelhart, Hinton and Williams in 1986</a>.</p>`;
}

function Cost() {
  return html`
    <p>For one name of four letters, <code>emma</code>, microGPT's loss is a graph of 6,080 nodes and 38,621 lines. A whole step, forwards, backwards and
      adjusting, took 15 milliseconds in plain Python where this was written, and 0.7 in the version that computes with whole matrices. Both give the same numbers to nine digits, which a
      test checks for the loss, for all 4,192 gradients and for ten steps of training. PyTorch is the same idea with bigger blocks: its nodes are matrices,
      its local gradients are functions, and its graph is walked in the same way.</p>
    <p>What remains after this chapter is no magic. A gradient is a product of local slopes, summed over paths; a training step subtracts some of it. Whatever a
      model turns out to know, it came in through this door.</p>`;
}
