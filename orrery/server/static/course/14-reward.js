// Chapter 14: reward models, PPO, and gaming the reward.
import { compute } from "../kit/api.js";
import { Chapter } from "../kit/chapter.js";
import { Source } from "../kit/code.js";
import { html } from "../kit/html.js";
import { Tex } from "../kit/math.js";
import { models, refreshModels } from "../kit/models.js";
import { Quiz } from "../kit/quiz.js";
import { href } from "../kit/route.js";
import { Simulation } from "../kit/simulation.js";
import { ClippingFigure } from "./figures/clipping.js";
import { JudgeFigure } from "./figures/judge.js";

export default function Reward() {
  return html`<${Chapter} number=${14} sections=${[
    ["judging", "Judging is easier than writing", Judging],
    ["game", "A number that stands for people", Game],
    ["ppo", "PPO: likelier, but not too fast", PPO],
    ["leash", "The leash", Leash],
    ["gaming", "Gaming the reward", Gaming],
  ]} />`;
}

function Judging() {
  return html`
    <p>Tuning imitates: the model becomes as good as the examples, and somebody had to write them. For a poem or a story that is much to ask. To say which of
      two stories is the better one is a small thing, and people agree on it more often than they could agree on a mark. So one lets the assistant write
      several answers to a wish, has people rank them, and trains a second model to foresee the ranking.</p>
    <p>This <em>reward model</em> is the assistant's own body with a head that gives one number, read at the last token of the answer. Bradley and Terry's
      model of 1952 turns two numbers into a bet: the chance that the first answer wins is the sigmoid of their difference. The loss is the surprise at who
      won.</p>
    <${Tex} block>${String.raw`L = -\log \sigma\big(r(x, y_w) - r(x, y_l)\big)`}<//>
    <${Source} name="orrery.stages.reward.pair_losses" />
    <p>Only differences count: add ten to every score and no bet changes. A score of 1.4 says nothing by itself.</p>`;
}

function Game() {
  return html`
    <p>In the embedded world the people are a program. A rubric gives every story points, a labeller ranks by it and errs as people do, and the reward model
      sees only the rankings. The rubric's score is called <em>gold</em>; it is what everybody wants and nobody trains on. The reward model's score is
      the <em>proxy</em>. With people in the place of the rubric one would never have gold. Here one can look at both.</p>
    <${JudgeFigure} />
    <${Quiz} chapter=${14} id="polite"
      question="Put this to the reward model of your newest run: a list of polite words, or a fair short story with few of them. Which does the proxy like better?"
      truth=${polite}
      options=${[
        {
          text: "The fair story",
          why: "Where the proxy likes the story better, it has taken up more than words from its rankings. Look at the parts of gold: the list ends "
            + "with a full stop and takes all points for politeness.",
        },
        { text: "The list of polite words", why: "Where it likes the list better, it has learnt what is easy to see. Nothing in a ranking says why one story won." },
      ]} />`;
}

/** Ask the engine: which of two texts has the higher score. */
async function polite() {
  if (models.value === null) await refreshModels();
  const judge = models.value.find((model) => model.kind === "reward");
  if (!judge) throw new Error("There is no reward model here yet: a speedrun with all its stages makes one.");
  const prompt = "Please tell me a story about a lost kite.";
  const texts = ["A boy lost his kite. He ran to the hill and looked in every tree. A crow had it. He was happy.", "Please, thank you, kind, happy, gentle, welcome friend."];
  const { answer } = await compute("story-scores", { model: judge.name, stories: texts.map((text) => ({ prompt, text })) });
  const [story, list] = answer.scores.map((score) => score.proxy);
  return { right: story >= list ? 0 : 1, says: `${judge.name} gives the story ${story.toFixed(2)} and the list ${list.toFixed(2)}.` };
}

function PPO() {
  return html`
    <p>Now the assistant writes, the reward model scores, and what scored well is made likelier. That is reinforcement learning, and there is nothing to
      differentiate through: a sampled token is a choice, not a number. The trick of 1992, REINFORCE, is to weight the log-probability of each token that was
      written by how well things went. <em>How well</em> must mean better than expected, or a model that is always praised learns that everything is right. So
      a fourth model beside the policy, its frozen copy and the reward model, the <em>critic</em>, guesses before each token what is still to come, and a
      token's <em>advantage</em> is what came beyond the guess.</p>
    <${Source} name="orrery.stages.advantages.gae" />
    <p>Samples are dear, so each batch is used for several steps. After the first of them the policy is no longer the one that wrote the samples, and the
      weights that were right for the old one mislead. PPO therefore multiplies by the ratio of new to old probability and stops listening once the ratio has
      gone far enough.</p>
    <${ClippingFigure} />
    <${Source} name="orrery.stages.policy_loss.clipped" />
    <${Quiz} chapter=${14} id="clip" question="A token had the advantage −1, and its ratio is already 0.7, with a clip of 0.2. What does the next step do to it?"
      options=${[
        { text: "It makes the token still less likely", why: "Below 1 − 0.2 = 0.8 the clipped term counts, and that does not depend on the ratio: the slope is 0." },
        { text: "Nothing", right: true, why: "It has fallen as far as this batch may push it. New samples will say whether that was right." },
        { text: "It makes it likelier again", why: "Clipping takes a push away, it never turns it round." },
      ]} />`;
}

function Leash() {
  return html`
    <p>One thing is missing. The reward model has seen stories that an assistant writes, and knows nothing of anything else. A policy that is free to go
      anywhere goes where the scores are highest, and far from all that was ever ranked the highest score is a mistake. So every token pays for the distance
      from the model that it began as: β for each nat of log-ratio, taken off its reward.</p>
    <${Tex} block>${String.raw`r_t = -\beta \log \frac{p(y_t)}{p_\text{ref}(y_t)} + [\text{last token}]\; r(x, y)`}<//>
    <p>The expected sum of the log-ratios is the KL divergence from the reference; it is a price, not a wall. In the runs behind the recipe, at β = 0.05, PPO
      reached its highest scores, and the stories had shrunk from 108 tokens to 63: all of them finished, half of their topics gone. The reward model likes
      what is short and ended more than the rubric does. At 0.1 gold was 1.44 to 1.55 where it had been 1.27, and that is the recipe.</p>`;
}

function Gaming() {
  return html`
    <p>"When a measure becomes a target, it ceases to be a good measure." For reward models this has a shape: as the policy moves away, gold first rises with
      the proxy, then flattens, then falls, while the proxy goes on rising. Gao and others measured it in 2022 with a large model in the place of people.</p>
    <${Simulation} name="reward-gaming" />
    <p>The ledger's rule for this claim asked for a fall of 0.3 in each of three seeds; measured were 0.23, 0.23 and 0.28, so its verdict
      is <a href=${href("ledger/over_optimisation")}>unclear</a>, however plain the picture. What is not in doubt: without a leash the proxy went from 1.4,
      1.0 and 1.4 to 2.2, 1.9 and 2.3, and the policy that was kept near ended with more gold than the one let go. The best of 64 samples by the same weak
      judge costs some 3 nats, needs no training, and had more gold than any policy on a leash.</p>
    <p>This is why learning from a reward model is called fine-tuning and not play. In a game the score is the truth, and one may optimise for ever. Here it
      is a model of a few thousand judgements, and one stops while it still means something.</p>
    <${Quiz} chapter=${14} id="longer" question="Proxy still rises after 300 steps. Gold is not to be had. What is the best reason to stop?"
      options=${[
        {
          text: "The loss has not become smaller",
          why: "The value of a policy loss says nothing: advantages have mean 0, so it stays near 0 while the policy changes.",
        },
        {
          text: "The policy is many nats away, and people who read a few samples find them worse",
          right: true,
          why: "Distance says how far the proxy is trusted beyond what it has seen, and fresh judgements are the only gold that there is.",
        },
        {
          text: "There is none: a higher score is a better policy",
          why: "A higher score is a higher score. Whether it means anything out there is exactly what the reward model cannot tell.",
        },
      ]} />`;
}
