// Chapter 2: the slope.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { html } from "../kit/html.js";
import { Tex } from "../kit/math.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";

export default function Slope() {
  return html`<${Chapter} number=${2} sections=${[
    ["question", "Which way to turn it?", Which],
    ["rise", "Rise over run", Rise],
    ["rules", "Slopes without trying", Rules],
    ["digits", "Why not simply try?", Digits],
    ["weight", "The slope of a real loss", Real],
  ]} />`;
}

function Which() {
  return html`
    <p>A model is a function with many numbers in it, and its loss says how wrong it is. Take one of these numbers and imagine a knob on it.
      Should it be turned up or down? And is this knob worth turning at all, or does the loss hardly care? One number answers both questions: how
      much the loss changes when the knob is turned a little, divided by how far it was turned. Its sign says which way, its size how much it matters.
      This is the <em>slope</em>, or derivative, of the loss with respect to that number.</p>
    <${Quiz} chapter=${2} id="sign" question="At its present value, the slope of the loss with respect to a weight is −0.4. You want a smaller loss. What do you do with the weight?"
      options=${[
        { text: "Make it a little larger", right: true, why: "A negative slope means that the loss falls as the weight grows. Always against the slope: minus a minus is plus." },
        { text: "Make it a little smaller", why: "Then the loss grows: with a slope of −0.4, a weight that is 0.01 smaller costs about 0.004." },
        { text: "Set it to 0.4", why: "The slope says nothing about where the weight should end up, only about which way is down from here." },
      ]} />`;
}

function Rise() {
  return html`
    <p>Between two points of a curve the slope is easy: how far it rises, over how far one went. The line through both is a <em>secant</em>. Now let the
      second point come nearer. The secant turns, less and less, until there is nothing to be seen of the gap; what it turns into is
      the <em>tangent</em>, and its slope is the derivative at that point.</p>
    <${Tex} block>${String.raw`f'(x) = \lim_{h \to 0} \frac{f(x+h) - f(x)}{h}`}<//>
    <${Simulation} name="derivative" only="function" />
    <p>Drag the point along the curve. Where the curve is flat, the slope is 0: at the bottom of a valley, and on the top of a hill as well.
      Choose <code>relu(x)</code> and go to 0: there is a corner, and left and right disagree. The engine says 0 there by decree; it makes no difference in
      practice, because a number is hardly ever exactly 0.</p>`;
}

function Rules() {
  return html`
    <p>Nobody computes limits. For the few operations that programs are made of, the limit has been worked out once, and the result is a rule.
      For <var>x</var>²: the rise is (<var>x</var> + <var>h</var>)² − <var>x</var>² = 2<var>xh</var> + <var>h</var>², over <var>h</var> that is
      2<var>x</var> + <var>h</var>, and as <var>h</var> vanishes 2<var>x</var> remains. Six rules suffice for all that this course computes:</p>
    <div class="table-scroll" tabindex="0" role="region" aria-label="The six rules"><table>
      <thead><tr><th scope="col">operation</th><th scope="col">slope</th><th scope="col">in words</th></tr></thead>
      <tbody>
        <tr><td><var>a</var> + <var>b</var></td><td>1 for each</td><td>a sum moves as its parts do</td></tr>
        <tr><td><var>a</var> · <var>b</var></td><td><var>b</var> for <var>a</var>, <var>a</var> for <var>b</var></td><td>a factor counts as much as the other is large</td></tr>
        <tr><td><var>a</var><sup><var>n</var></sup></td><td><var>n</var> <var>a</var><sup><var>n</var>−1</sup></td><td>one power less, times the power</td></tr>
        <tr><td>ln <var>a</var></td><td>1 / <var>a</var></td><td>the smaller the number, the steeper</td></tr>
        <tr><td>e<sup><var>a</var></sup></td><td>e<sup><var>a</var></sup></td><td>as steep as it is high</td></tr>
        <tr><td>relu(<var>a</var>)</td><td>1 above 0, else 0</td><td>open or shut</td></tr>
      </tbody></table></div>
    <p>How they combine when one operation feeds the next, the chain rule, is the subject of <a href=${href("course/4")}>chapter 4</a>.</p>
    <${Quiz} chapter=${2} id="product" question="f(x) = 1 / (1 + x²). What is its slope at x = 1? Decide first; then the engine computes it." truth=${slopeAtOne}
      options=${[
        { text: "0.5", why: "That is the value of the function there, not its slope." },
        { text: "−0.5", why: "It is a chain: u = 1 + x² moves 2x = 2 times as fast as x, and u⁻¹ moves −u⁻² = −1/4 times as fast as u. Together −1/2." },
        { text: "−0.25", why: "−1/4 is how fast 1/u moves when u does. But u itself moves twice as fast as x." },
      ]} />`;
}

/** Ask the engine for the slope of 1 / (1 + x^2) at 1. */
async function slopeAtOne() {
  const { answer } = await compute("derivative", { expression: "1 / (1 + x^2)", x: 1, h: 0.1 });
  const right = [0.5, -0.5, -0.25].findIndex((one) => Math.abs(one - answer.slope) < 1e-9);
  return { right, says: `Autograd gives ${answer.slope}.` };
}

function Digits() {
  return html`
    <p>Turning a knob and looking seems simpler than rules: compute the loss twice, with <var>h</var> = 0.0000001, and divide. The lower of the two figures above
      shows what is wrong with it. A large <var>h</var> is wrong because the curve bends between the points. A small one is wrong because a computer keeps
      about sixteen digits: if <var>f</var>(<var>x</var> + <var>h</var>) and <var>f</var>(<var>x</var>) agree in twelve of them, their difference has four left.
      For the curve that is shown at first, one-sided differences are never better than about 10⁻⁸, at an <var>h</var> near 10⁻⁸;
      going both ways reaches 10⁻¹¹ at an <var>h</var> near 10⁻⁶.</p>
    <p>The second reason weighs more. Each knob needs runs of its own. For our 4,192 numbers that is 4,193 runs of the model for one set of
      slopes; for a model with a billion numbers, a billion and one. The engine gets all slopes from one run forwards and one back, about three
      times the work of a single run, however many knobs there are. Trying still has its use: it is how one <em>checks</em> slopes, because it knows no rules that could be wrong. The tests
      of this package do it.</p>
    <${Quiz} chapter=${2} id="digits" question="With numbers of sixteen digits, f is near 1 and you choose h = 10⁻¹⁵. Roughly how many digits of the slope can you trust?"
      options=${[
        { text: "Fifteen: the smaller h, the nearer to the limit.",
          why: "That would be so if f were computed exactly. Its last digit is off by about 10⁻¹⁶, and dividing by 10⁻¹⁵ blows that up to a tenth." },
        { text: "One at most", right: true, why: "Values near 1 are rounded at about 10⁻¹⁶. Over an h of 10⁻¹⁵ that is an error of a tenth: the first digit is already in doubt." },
        { text: "Eight", why: "Eight is what the best h for one-sided differences gives, about 10⁻⁸, the square root of the precision." },
      ]} />`;
}

function Real() {
  return html`
    <p>Here is the loss of microGPT over 32 names. One of its weights is the horizontal axis; for every point of the curve, that
      weight was set and the loss computed anew. The straight line has not been fitted to it. Its slope is the gradient that one backward pass gave for this weight, and for the
      4,191 others; the map beside it shows a whole matrix of them. Pick other weights: the line always touches.</p>
    <${Simulation} name="derivative" only="weight" />
    <p>Look at the steps of training, too. Before training the last row, that of the token which ends a name, is the boldest: names end more often than the
      random model expects, and every number of that row can help. As training goes on the numbers of the map shrink on the whole (in this
      matrix to six tenths of their mean size by step 3,000, in the run that the button makes), because each weight comes to lie where turning it, alone, no longer pays.</p>`;
}
