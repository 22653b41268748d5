// Chapter 15: DPO.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { Tex } from "../kit/math.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { DuelFigure } from "./figures/curves.js";
import { DPOFigure } from "./figures/dpo.js";

export default function DPO() {
  return html`<${Chapter} number=${15} sections=${[
    ["shortcut", "A shortcut through the algebra", Shortcut],
    ["loss", "The loss of a pair", Loss],
    ["both", "Both may become less likely", Both],
    ["equal", "Is it the same as PPO?", Equal],
  ]} />`;
}

function Shortcut() {
  return html`
    <p>The last chapter needed four models, sampling, a critic and some luck. In 2023 Rafailov and others found that for preferences most of it can be left
      out. Begin with what PPO is after: the highest expected reward, less β for each nat of distance from the reference. Where nothing limits the policy, the
      best one is known in closed form. It is the reference with each answer's probability multiplied by e to the power of its reward over β, and made to sum
      to 1.</p>
    <${Tex} block>${String.raw`p^*(y \mid x) = \tfrac{1}{Z(x)}\; p_\text{ref}(y \mid x)\; e^{\,r(x, y) / \beta}`}<//>
    <p>Nobody can sum over all answers, so Z is out of reach. But read the line backwards: the reward is β times the log-ratio of policy to reference, plus β
      log Z. Put that into the bet of Bradley and Terry, where only the difference of two rewards of one prompt counts, and Z, which is the same in both, is
      gone. What is left is a loss in log-probabilities that any training loop can compute. The policy is its own reward model.</p>
    <${Tex} block>${String.raw`L = -\log \sigma\Big(\beta \log \frac{p(y_w)}{p_\text{ref}(y_w)} - \beta \log \frac{p(y_l)}{p_\text{ref}(y_l)}\Big)`}<//>`;
}

function Loss() {
  return html`
    <p>At the start policy and reference are one, every log-ratio is 0, and every pair costs log 2 = 0.693. That is a check worth having: a first loss of
      anything else means that the two models are not the same, and the stage raises an alarm.</p>
    <${Source} name="orrery.stages.dpo.dpo_losses" />
    <${DPOFigure} />
    <p>The slope is steepest for pairs that are ordered wrongly and fades for those that are settled, which is what lets one loss take care of easy and hard
      pairs. β says how much a nat of log-ratio counts as reward: the smaller it is, the further the policy must go before a pair is settled.</p>
    <${Quiz} chapter=${15} id="beta"
      question="The chosen completion is 5 nats likelier than under the reference, the rejected one 5 nats less likely. Beta falls from 0.5 to 0.05. What happens to the loss of this pair?"
      truth=${smaller}
      options=${[
        { text: "It becomes smaller", why: "With β = 0.5 the margin of 10 nats was worth 5, nearly a sure win. With 0.05 it is worth half a point." },
        { text: "It becomes larger", why: "The same 10 nats now count for less, so the pair is less settled and pushes the policy on. A small β is a long leash." },
        { text: "It stays as it is", why: "The margin stays as it is; what it is worth does not." },
      ]} />`;
}

/** Ask the engine: the loss at both values of beta. */
async function smaller() {
  const at = (beta) => compute("dpo-loss", { chosen: 5, rejected: -5, beta });
  const [before, after] = (await Promise.all([at(0.5), at(0.05)])).map(({ answer }) => answer.value);
  return { right: after < before ? 0 : after > before ? 1 : 2, says: `The loss was ${before.toFixed(4)} and is ${after.toFixed(4)}.` };
}

function Both() {
  return html`
    <p>The loss asks for a difference and for nothing else. Move both sliders of the figure down by the same amount: it does not notice. In training this
      happens. The two completions of a pair are often much alike, pushing one down drags the other with it, and the log-probability of
      the <em>chosen</em> one falls while everything that is logged as accuracy looks well. The probability goes to answers that stand in no pair, and nobody
      has judged those.</p>
    <p>So the stage logs both sides apart, as <code>logps/chosen</code> and <code>logps/rejected</code>. Look at them in <a href=${href("runs")}>any run with
      DPO</a>. Where the chosen one sinks, <code>--dpo.nll</code> adds ordinary tuning on it. IPO, the other loss in the figure, aims at a margin and not
      beyond: a pair that has gone past it is pulled back.</p>
    <${Quiz} chapter=${15} id="both" question="In a run, rewards/accuracies rises from 50% to 75% and logps/chosen falls from −110 to −125. What is going on?"
      options=${[
        { text: "A fault: the chosen completions must become likelier", why: "Nothing in the loss asks for it. Only the difference to the rejected one counts." },
        {
          text: "The rejected completions have fallen further still, and both have become less likely",
          right: true,
          why: "The margin grows although both fall. How much of that is harmless one sees in samples, not in the loss.",
        },
        { text: "The learning rate is too small", why: "A policy that moves 15 nats is not short of steps." },
      ]} />`;
}

function Equal() {
  return html`
    <p>One often reads that DPO is mathematically equivalent to PPO. The derivation says when: preferences follow Bradley and Terry, the policy can be any
      distribution at all, and both are optimised to the end on enough data. Then the two have the same optimum. In practice none of it holds. DPO learns from
      answers that were written before it began, PPO from its own; PPO's reward model carries over to new answers, rightly or not; and both are stopped
      early.</p>
    <${DuelFigure} />
    <p>From the same preferences of the embedded world, DPO was ahead by 0.09, 0.09 and 0.26 points of gold at the same distance, and by 0.05, 0.17 and 0.22
      in the same time, PPO's reward model counted in. That is less than the rule of <a href=${href("ledger/dpo_vs_ppo")}>the ledger's entry</a> asks for, and
      one long PPO run went past everything that DPO came to, so the verdict is unclear. Larger studies find PPO ahead where it is tuned with care (Xu and
      others, 2024). What nobody doubts is the price: one more copy of the model, no sampling, a dozen lines.</p>
    <${Quiz} chapter=${15} id="equal" question="Which of these makes DPO and PPO end at different policies even with unlimited steps?"
      options=${[
        { text: "Their learning rates", why: "With unlimited steps both reach the optimum of what they optimise, if there is one." },
        { text: "People's preferences do not follow Bradley and Terry's model", why: "Both turn comparisons into rewards by that model, so where it is wrong it misleads both of them alike." },
        {
          text: "The pairs cover only part of what the policy could say",
          right: true,
          why: "Outside of the pairs DPO's loss says nothing, while PPO samples there and believes its reward model. They differ exactly where "
            + "there is no data.",
        },
      ]} />`;
}
