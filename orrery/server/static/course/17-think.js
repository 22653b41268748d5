// Chapter 17: tokens to think, and self-consistency.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { MeasuredBars } from "./figures/bars.js";
import { BallotFigure, VotesFigure } from "./figures/votes.js";

const STEPS = [3, 5, 7].flatMap((steps) => [[`${steps} steps, at once`, `${steps} steps, at once`], [`${steps} steps, written out`, `${steps} steps, in steps`, true]]);

export default function Think() {
  return html`<${Chapter} number=${17} sections=${[
    ["budget", "A fixed budget a token", Budget],
    ["words", "Is it the tokens, or what they say?", Words],
    ["vote", "Ask again, and count", Vote],
    ["limits", "What a vote cannot do", Limits],
  ]} />`;
}

function Budget() {
  return html`
    <p>A transformer does the same amount of work for every token: so many layers, so many multiplications. It has no way to think longer before it speaks,
      except by speaking. The token that it writes is fed back, and with it the next pass begins where this one has ended. A model with six layers that
      answers a sum at once has six layers to do it in; one that writes out each step has six layers for each of them, and its own text to keep the results
      in.</p>
    <${MeasuredBars} of="tokens_to_think" title="Sums of digits, answered at once and written out" items=${STEPS}
      caption="Share right of the same assistant: tuned on answers of both kinds, asked for one or the other. Written out a sum of seven steps goes
        right nine times in ten; at once even three steps are too many." />
    <p>The sums are chains such as <code>7 - 6 + 6 - 3 + 9</code>. Nothing in one step is hard; what is hard is to do five of them without writing anything
      down. People are no different, only we may do it in silence.</p>
    <${Quiz} chapter=${17} id="order"
      question="A tuning set has answers of two forms: “The answer is 12, because 7 − 6 = 1, …” and “7 − 6 = 1, …, so the answer is 12.” Which should it keep?"
      options=${[
        {
          text: "The first: the answer comes quickly and the reasons can be checked",
          why: "By the time the first number is written nothing has been worked out. What follows explains a guess.",
        },
        {
          text: "The second: the answer comes after what it follows from",
          right: true,
          why: "Each token can use those before it and none behind it. Steps after the answer come too late.",
        },
        { text: "Either: the same words stand in both", why: "The same words in another order are another computation." },
      ]} />`;
}

function Words() {
  return html`
    <p>Perhaps more tokens simply mean more time, whatever they say. The ledger tried: models that were trained to write dots before they answer, as many as
      the steps would have tokens, and others to write steps whose totals were drawn at random. Dots gained −4, −2 and +2 points over answers at once, random
      steps −6, −4 and 0. Real steps gained 9, 8 and 30. By its own rule the verdict is <a href=${href("ledger/filler_tokens")}>unclear</a>, since steps
      gained enough in one seed only; but there is no sign that time alone helps. What is written has to carry something.</p>
    <p>And the famous words? "Let's think step by step" made large models reason. Here, behind a sum, where training never put them,
      they <a href=${href("ledger/zero_shot_cot")}>make things worse</a>: 48, 37 and 52% right instead of 56, 50 and 57, although more answers come in steps.
      So does "Let's walk down by the lake", which does a little worse still. A model that has read a library has seen those words before worked solutions;
      this one has not. Nothing is said by a prompt that was not put there by training.</p>`;
}

function Vote() {
  return html`
    <p>There is a second way to spend tokens: not one longer answer but several, sampled apart, and then a vote. Right answers agree, because there is one way
      to be right. Wrong ones scatter. Wang and others called it self-consistency in 2022, and it needs no training at all.</p>
    <${BallotFigure} />
    <${Source} name="orrery.ledger.self_consistency.majority" />
    <p>How much it is worth follows from two numbers: how often one answer is right, and among how many wrong ones the rest is spread.</p>
    <${VotesFigure} />
    <p>On sums that nobody was trained on one sample of a full speedrun's assistant was right in 56, 49 and 55%, the vote of 16 in 91, 89 and 96%. Two votes
      are no better than one: where they differ, nothing decides. The measured line stays below the theory with the same mean, because questions differ; some
      are hard, and there a wrong answer leads.</p>
    <${Quiz} chapter=${17} id="four"
      question="One answer in four is right; the others are spread evenly over nine wrong ones. Is the vote of 16 right more often than a single answer?"
      truth=${four}
      options=${[
        {
          text: "Much more often: in more than half of all cases",
          why: "One in four is three times as common as each of the wrong ones, a twelfth. A vote needs no majority, only that nothing else is "
            + "commoner.",
        },
        {
          text: "A little more often, but in less than half",
          why: "The right answer needs only to be commoner than each single wrong one, and it is by a factor of three.",
        },
        {
          text: "Less often: what is right in a minority of cases loses",
          why: "That holds where there is one wrong answer. Here the wrong ones divide the rest among them.",
        },
      ]} />`;
}

/** Ask the engine: the chance of that vote. */
async function four() {
  const { answer } = await compute("votes", { right: 0.25, wrong: 9, sizes: [16] });
  const [chance] = answer.chances;
  return { right: chance > 0.5 ? 0 : chance > 0.25 ? 1 : 2, says: `It is right in ${(100 * chance).toFixed(1)}%.` };
}

function Limits() {
  return html`
    <p>A vote finds what the model believes, where sampling has blurred it. Greedy decoding, the likeliest token each time, often finds it too, at a sixteenth
      of the price. And the author's own judgement goes far: of 16 solutions, the one with the highest log-probability was right in 89, 90 and 97%, where one
      sample was right in 56, 49 and 56%. Much of what is wrong at temperature 1 is noise that the model itself finds unlikely. Look
      at <a href=${href("ledger/judge_vs_author")}>the judge beside the author</a>.</p>
    <p>Where a wrong answer is what the model believes, the vote makes it sure. Set the number of wrong answers to 1 and the chance below one half in the
      figure above: the more votes, the worse. No number of samples makes up for what was never learnt. Thinking, voting and searching all do one thing: they
      turn computing time at the end into answers, and they begin where training has ended.</p>
    <${Quiz} chapter=${17} id="sure" question="A model answers a trick question wrongly in 70% of samples, always with the same wrong answer. What does a vote of 101 do?"
      options=${[
        { text: "It is right in about 30% of cases, as one sample is", why: "The vote does not average the chance, it goes with the commoner answer." },
        {
          text: "It is nearly always wrong",
          right: true,
          why: "With one rival that is right 30% of the time, the majority of 101 is right in fewer than one case in ten thousand.",
        },
        { text: "It is nearly always right: 101 samples are many", why: "They are many witnesses who have all been taken in by the same trick." },
      ]} />`;
}
