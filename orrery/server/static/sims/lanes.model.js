// Answers of several models to one prompt, compared: where they part, and how much likelier another model finds each token.

/** The text of tokens, without the one that ends the message. */
export const textOf = (tokens) => tokens.filter((token) => token.kind !== "end").map((token) => token.text).join("");

/**
 * The first token of `tokens` that says something else than `reference` does there, by the text and not by the ids: the
 * two may have been cut by different vocabularies. Where one text ends before the other, that end is the difference.
 * null where both say the same.
 */
export function firstDifference(reference, tokens) {
  const [theirs, ours] = [textOf(reference), textOf(tokens)];
  if (theirs === ours) return null;
  let same = 0;
  while (same < Math.min(theirs.length, ours.length) && theirs[same] === ours[same]) same += 1;
  let end = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.kind !== "end") end += token.text.length;
    if (end > same || token.kind === "end") return index;
  }
  return tokens.length ? tokens.length - 1 : 0;
}

/**
 * How much likelier another model finds each token, in nats: `scored` are the same tokens as it scored them.
 * A token that one of them did not score (it was given, or no longer fits) has null.
 */
export function differences(tokens, scored) {
  return tokens.map((token, index) => {
    const other = scored[index];
    return other === undefined || other.logprob === null || token.logprob === null ? null : other.logprob - token.logprob;
  });
}

/** The sum of what is there. */
export const total = (values) => values.reduce((sum, value) => sum + (value ?? 0), 0);

/** Which models to begin with: of the newest run that has them, its base, SFT, preference-tuned and RL-tuned ones. */
export function firstLanes(list) {
  const run = list.find((model) => model.kind === "assistant")?.run ?? list[0]?.run;
  const of = list.filter((model) => model.run === run && model.kind !== "reward");
  const stage = (...stages) => stages.map((name) => of.find((model) => model.stage === name)).find(Boolean);
  const wanted = [stage("base"), stage("sft"), stage("ppo", "dpo"), stage("grpo")].filter(Boolean);
  return (wanted.length ? wanted : of.slice(0, 4)).map((model) => model.name);
}
