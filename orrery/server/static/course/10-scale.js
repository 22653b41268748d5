// Chapter 10: from micro to macro.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { number } from "../kit/format.js";
import { html } from "../kit/html.js";
import { Tex } from "../kit/math.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";

const WIDE = "Looking at 2,048 tokens adds a few per cent to what the matrices take, because the model is so wide.";

export default function Macro() {
  return html`<${Chapter} number=${10} sections=${[
    ["same", "What stays the same", Same],
    ["changes", "What changes", Changes],
    ["sizes", "How much larger", Sizes],
    ["cost", "What it costs", Cost],
    ["buys", "What size buys", Buys],
  ]} />`;
}

function Same() {
  return html`
    <p>You have seen a complete language model: 4,192 numbers that learn given names. The models that people talk with have a hundred million times as many.
      It is natural to expect that somewhere on the way something else must have been added, and the surprise of the field is how little was.</p>
    <p>Text is cut into tokens; each token looks up a row; blocks of attention and MLP add what they find to it; the last row becomes a score for every token, the scores become
      probabilities, and the surprise at the token that came is the loss; the chain rule finds how each number should move; an optimizer moves it. Then the next text. Every step of
      that sentence is a function of <code>microgpt.py</code>, and every one of them is in GPT-2, in Llama, and in the models that you train here. This is a
      block in the small program:</p>
    <${Source} name="orrery.scratch.microgpt.forward" />
    <p>And this is a block of the model that <code>orrery pretrain</code> trains, which loads Qwen3's, Llama's and GPT-2's weights as well:</p>
    <${Source} name="orrery.models.layers.Block" />`;
}

function Changes() {
  return html`
    <p>What is added is speed, and care. Numbers are no longer objects that remember where they came from, one by one, but whole arrays: PyTorch does to arrays what
      the <a href=${href("course/4")}>autograd engine</a> does to scalars, and Orrery holds the two equal in its tests, all 4,192 gradients to a billionth. Many texts are read at
      once. Half the precision does for most of the arithmetic. Keys and values of earlier tokens are kept and not computed again.</p>
    <p>The details of a block have been tried out many times over. GPT-2 looks a position up in a table; newer models turn queries and keys by an angle instead. LayerNorm became
      RMSNorm, ReLU became GELU and then a gated SwiGLU, several queries share a key. Characters became <a href=${href("course/11")}>byte-pair tokens</a>. Each of these is a few lines and
      helps by a few per cent; none of them is what makes a large model able to do what a small one cannot.</p>
    <p>And one thing comes after. What you have seen so far makes a <em>base</em> model, which goes on with documents. That it answers, declines,
      calls tools and thinks before it speaks is taught
      afterwards, to the same parameters by the same kind of step, with other texts and another loss: the second half of this course.</p>
    <${Quiz} chapter=${10} id="same" question="Which of these does a base model of 405 billion parameters have that microGPT lacks altogether?"
      options=${[
        { text: "Attention", why: "microGPT has it, four heads in one layer." },
        { text: "A loss that says what good writing is", why: "Both are pretrained on the same thing, the surprise at the next token." },
        { text: "A key/value cache", why: "microGPT reads position by position and keeps the keys and values of those before: that is one." },
        { text: "None of the three", right: true, why: "They are all there, in one short file. What differs is how large they are, how fast, and on how much text." },
      ]} />`;
}

function Sizes() {
  return html`
    <p>On an ordinary scale microGPT and GPT-3 could not stand in one picture: if the first were a millimetre long, the second would be a marathon, 42 kilometres. So the
      scale below is logarithmic. What stands for models of this machine and for microGPT is counted and run here. The others' sizes are counted on
      their architectures; how much they read and what that took are
      their makers' figures.</p>
    <${Simulation} name="scale" part="sizes" />
    <p>Most parameters are in the blocks. With a width <var>D</var>, GPT-2's attention has four matrices of <var>D</var> × <var>D</var> and its MLP two
      of <var>D</var> × 4<var>D</var>: 12<var>D</var>² for each block. For 12 blocks of width 768 that is 84.9 million; the rows of 50,257 tokens add 38.6 million, and the rest is
      small. Together they are the 124 million of the smallest GPT-2. The largest has 48 blocks of width 1,600.</p>
    <${Quiz} chapter=${10} id="width" question="You double the width of a model and leave its number of blocks. What happens to the parameters of its blocks?"
      options=${[
        { text: "They double.", why: "A matrix has rows and columns, and both get twice as long." },
        { text: "There are four times as many.", right: true, why: "12D² with D doubled. Twice as many blocks, on the other hand, is twice as many parameters." },
        { text: "There are eight times as many.", why: "That would be so if the number of blocks doubled as well." },
      ]} />`;
}

function Cost() {
  const perParameter = async () => {
    const { sizes } = (await compute("scale", { models: [] })).answer;
    const found = sizes.find((size) => size.name === "GPT-3 175B");
    return found.flops / found.parameters;
  };
  return html`
    <p>Every parameter of a matrix is used once for each token: one multiplication, one addition. So a forward pass takes about two operations a
      parameter and token; going backwards takes twice
      as many as going forwards, since there is a gradient for what came in and one for the weights. Training <var>N</var> parameters on <var>D</var> tokens therefore takes about</p>
    <${Tex} block>${String.raw`C \approx 6\,N D`}<//>
    <p>operations, to which attention adds a little that grows with the context. Counted part by part, as below, GPT-3's training comes to 3.2 × 10²³;
      its makers give 3.14 × 10²³. For Llama 3.1 405B
      6<var>ND</var> is 3.8 × 10²⁵, just what its makers give.</p>
    <${Source} name="orrery.models.explain.flops_per_token" />
    <${Quiz} chapter=${10} id="flops" question="How many operations does GPT-3's forward pass take a token for each of its parameters, with attention counted in, at 2,048 tokens of context?"
      options=${[{ text: "About 2" }, { text: "About 6" }, { text: "About 2,048: each token looks at all others" }]}
      truth=${async () => {
        const ratio = await perParameter();
        return { right: ratio < 4 ? 0 : ratio < 100 ? 1 : 2, says: `Counted on its architecture: ${number(ratio, 3)}. ${WIDE}` };
      }} />
    <p>This is why size and data are a choice. With ten times the compute one can have a model ten times as large, or ten times the text, or about
      three times of both. Which is best is a matter
      of measurement, and <a href=${href("course/12")}>chapter 12</a> does it.</p>`;
}

function Buys() {
  return html`
    <p>Here is what the models of this machine make of the same beginning. They are a few hundred thousand or a few million parameters large, and have
      read for minutes. Do not expect sense from
      a run of one minute: it has learnt spelling, frequent words and the form of a page. After ten minutes, three models of one million parameters knew 98 in 100 of the facts that
      their text states often about people, and still did no sum by themselves. The README's table has what each length of training gave.</p>
    <${Simulation} name="scale" part="prompt" />
    <p>Larger is not better by itself. On 32,033 names the ladder of <code>orrery ladder</code> has an LSTM of 104,027 parameters at 1.965 nats a
      character on names that it never saw, and a Transformer of 168,704 at
      1.989: with so little text the larger models learn it by heart. Size pays when there is text enough to fill it. That is the whole of the recipe that made
      the last decade: the same algorithm, more numbers, more text, and
      the patience to measure. What kind of software comes of it, beside rules and beside prompts, is the subject of <a href=${href("course/B")}>chapter B</a>.</p>`;
}
