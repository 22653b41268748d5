// Chapter 16: reinforcement learning with verifiable rewards.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { Tex } from "../kit/math.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { AdvantagesFigure } from "./figures/advantages.js";
import { GRPOFigure, R1Figure } from "./figures/curves.js";

export default function GRPO() {
  return html`<${Chapter} number=${16} sections=${[
    ["checked", "Rewards that can be checked", Checked],
    ["groups", "Judged against its siblings", Groups],
    ["nothing", "Groups that teach nothing", Nothing],
    ["moment", "The R1 moment", Moment],
    ["said", "What was and was not learnt", Said],
  ]} />`;
}

function Checked() {
  return html`
    <p>A reward model can be gamed because it only stands for something. Some rewards stand for nothing but themselves. Whether a sum is right, whether a
      program passes its tests, whether a proof goes through: a few lines of code can tell, and no policy talks them round. Here optimising for long is no
      mistake.</p>
    <${Source} name="orrery.stages.verifiers.numeric" />
    <p>The verifier looks at the last number and at nothing else. It does not care how the answer was reached, which is the point: for once nobody has to show
      the model how to think. It also means that whatever else the model does on the way is its own affair.</p>`;
}

function Groups() {
  return html`
    <p>PPO's critic was there to say what was to be expected. For a single reward at the end there is a cheaper way to know: ask the policy itself. GRPO lets
      it write a group of answers to each prompt, eight of them here, and what the group got on average is what was to be expected. An answer's advantage is
      what it got above its siblings, and all of its tokens share it. No critic, no reward model: two models fewer in memory.</p>
    <${Tex} block>${String.raw`A_i = \frac{r_i - \operatorname{mean}(r)}{\operatorname{std}(r)}`}<//>
    <${AdvantagesFigure} />
    <${Source} name="orrery.stages.advantages.group_advantages" />
    <p>Dividing by the group's own spread looks harmless and is a choice. It makes a lone success among seven failures worth 2.47, and a lone failure among
      seven successes costs as much, so that very hard and very easy prompts count for more than they would undivided. Dr. GRPO leaves the division out;
      REINFORCE++ divides by the spread of the whole batch. Switch between them in the figure.</p>
    <${Quiz} chapter=${16} id="lone" question="One of eight answers is right. Divided by the group's spread, what is its advantage, and that of each wrong one?"
      truth=${lone}
      options=${[
        { text: "1 and 0", why: "Those are the rewards. The advantage is measured from the group's mean, 1/8." },
        { text: "About 0.9 and −0.1", why: "That is without dividing: 7/8 and −1/8, as Dr. GRPO has it." },
        { text: "About 2.5 and −0.35", why: "7/8 and −1/8, over a standard deviation of 0.354. They add up to nothing, as advantages of a group do." },
      ]} />`;
}

/** Ask the engine for the advantages of a lone success. */
async function lone() {
  const { answer } = await compute("advantages", { rewards: [[1, 0, 0, 0, 0, 0, 0, 0]] });
  const [right, wrong] = answer.group.data;
  const near = (a, b) => Math.abs(a - b) < 0.1;
  const found = [[1, 0], [0.9, -0.1], [2.5, -0.35]].findIndex(([a, b]) => near(right, a) && near(wrong, b));
  return { right: found, says: `The package gives ${right.toFixed(3)} and ${wrong.toFixed(3)}.` };
}

function Nothing() {
  return html`
    <p>Make all of a group right in the figure. Every advantage is 0 and the group falls away: there is nothing to prefer. The same when all are wrong. So
      what GRPO can learn depends on what the policy already gets right now and then. If it solves none of the problems it is never rewarded, and no number of
      steps helps; if it solves all of them there is nothing left. Between one in ten and six in ten is a good place to begin. The share of groups without
      spread is logged, and raises an alarm when it grows.</p>
    <${GRPOFigure} />
    <p>This is why the tuning before it matters so much. An assistant whose single steps were right in only 57 of 100 cases, since it had not read enough
      additions, went from 44% to 50% and no further: reward does not teach a table. Another one, whose single steps were right in 96, went from 62% to 90%
      within 11 steps.</p>
    <${Quiz} chapter=${16} id="zero" question="A model solves 0% of a set of problems with eight tries each. What do 10,000 steps of GRPO on them change?"
      options=${[
        { text: "Little by little it finds the solutions", why: "Without a single success all rewards are equal, all advantages 0, and so is the gradient." },
        {
          text: "Nothing, until something else makes it succeed now and then",
          right: true,
          why: "Easier problems first, more tuning, or more tries. The stage ends with an error after twenty rollouts without anything to learn "
            + "from.",
        },
        { text: "It becomes worse, since everything is punished", why: "Everything got the mean, and the mean is what is taken off." },
      ]} />`;
}

function Moment() {
  return html`
    <p>In January 2025 DeepSeek reported what happens at size. <em>R1-Zero</em> starts from a base model, without any examples of reasoning, and is rewarded
      for right answers and for keeping to a form. Over thousands of steps its answers grow from hundreds of tokens to thousands, accuracy rises with them,
      and in the texts one finds it going back over its steps. Nobody had shown it how. <em>R1</em>, the model that was released for use, is another thing: it
      starts from a small set of worked examples, goes through reinforcement learning, is tuned again on some 800,000 answers, most of them its own best, and
      ends with a second round of reinforcement learning. "Pure reinforcement learning, no tuning" is true of R1-Zero alone.</p>
    <p>The same at the size of a desk: a base model that has read pages of sums, some answered at once, some in steps, some with a second pass. It is rewarded
      for the last number, and for nothing else.</p>
    <${R1Figure} />
    <p>In three seeds 39 to 45% right became 83 to 87%. Answers at once, well over half at the beginning, all but vanished. Length was never rewarded: long
      answers were more often right, right ones were made likelier, and so answers grew.</p>`;
}

function Said() {
  return html`
    <p>At the end 95 to 97% of the answers check themselves. It is tempting to say that the model has learnt to reflect. Count it: after training, the second
      pass mended 54, 36 and 39 wrong first passes and spoiled 36, 34 and 35 right ones, of some 385. A gain of 5, 1 and 1 points. Most of the rise is that
      single steps slip less: first passes of checked answers were right in 56 to 62% before, and in 79 to 86% after. What the form of an answer suggests and
      what it does are two things, and the <a href=${href("ledger/r1_curve")}>ledger's entry</a> has the numbers for both.</p>
    <p>Nor does everything that comes along mean something. Answers also began with a stray token, such as <code>55 - 1 = 4</code>, since no reward forbids
      it. And a policy that has gone far forgets: without a reminder single exams fell by up to 8 points. So the stage reads conversations of tuning again on
      the way and is held to what it said there before. The base model, the assistant and what was made of it in one run can be asked the same question side by side,
      in <a href=${href("sims/lanes")}>four lanes</a>.</p>
    <${Quiz} chapter=${16} id="r1" question="Which of these is right about DeepSeek-R1?"
      options=${[
        { text: "It was made by reinforcement learning alone", why: "That is R1-Zero. R1 begins with a small set of examples and is tuned again in between." },
        { text: "It was rewarded for long answers", why: "Neither was. Length came along because longer answers were more often right." },
        {
          text: "It had worked examples first, then reinforcement learning, then more of both",
          right: true,
          why: "The examples made it readable; R1-Zero mixed languages and was hard to follow.",
        },
      ]} />`;
}
