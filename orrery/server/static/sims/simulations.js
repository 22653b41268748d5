// The simulations that there are, by their numbers. `chapter`: where it stands in the course.
export const simulations = [
  {
    name: "names", number: 1, title: "Name generator", chapter: 0,
    blurb: "A model of 4,192 numbers makes up names, letter by letter, beside the same model before it learnt anything.",
    load: () => import("./names.js"),
  },
  {
    name: "dot", number: 2, title: "The dot product", chapter: 1,
    blurb: "Two arrows, multiplied term by term; then two rows of a real model, and the tokens that point the same way.",
    load: () => import("./dot.js"),
  },
  {
    name: "derivative", number: 3, title: "Derivative explorer", chapter: 2,
    blurb: "Turn a secant into a tangent; then see the loss of a real model against one of its weights, and its gradient.",
    load: () => import("./derivative.js"),
  },
  {
    name: "descent", number: 4, title: "Gradient descent", chapter: 3,
    blurb: "Let a ball roll down a curve, a ravine, and the loss of a real model; find the rate at which it flies away.",
    load: () => import("./descent.js"),
  },
  {
    name: "autograd", number: 5, title: "Autograd graph", chapter: 4,
    blurb: "Type an expression, see the graph that the engine makes of it, and send the gradient back one node at a time.",
    load: () => import("./autograd.js"),
  },
  {
    name: "tokenizer", number: 6, title: "Tokenizer", chapter: 11,
    blurb: "One text in two vocabularies, the merges of a word step by step, and a vocabulary learnt from your own text.",
    load: () => import("./tokenizer.js"),
  },
  {
    name: "embeddings", number: 7, title: "Embeddings, clustering", chapter: 5,
    blurb: "Scrub through a training and watch vowels find each other, though nobody said which letters they are.",
    load: () => import("./embeddings.js"),
  },
  {
    name: "softmax", number: 8, title: "Softmax", chapter: 6,
    blurb: "Drag scores and watch them become probabilities; overflow it, then take off the largest.",
    load: () => import("./softmax.js"),
  },
  {
    name: "attention", number: 9, title: "Attention", chapter: 6,
    blurb: "Who looks at whom, in every head of a model; one head step by step; switch heads off and see what is lost.",
    load: () => import("./attention.js"),
  },
  {
    name: "forward", number: 10, title: "The forward pass", chapter: 7,
    blurb: "From the text to the next token: every part, every number and the sum behind it; what each depth would say; a weight changed on a copy.",
    load: () => import("./forward.js"),
  },
  {
    name: "surprise", number: 11, title: "Loss as surprise", chapter: 8,
    blurb: "Bet on the next token of a text that no model has read, then compare your surprise with a model's.",
    load: () => import("./surprise.js"),
  },
  {
    name: "live-loss", number: 12, title: "Live loss", chapter: 8,
    blurb: "A real training as it happens: start one, pause it, change its learning rate, read what it writes on its way.",
    load: () => import("./live_loss.js"),
  },
  {
    name: "temperature", number: 13, title: "Temperature", chapter: 9,
    blurb: "The same scores chosen from in many ways: temperature, top k, top p, min p, and hundreds of real draws.",
    load: () => import("./temperature.js"),
  },
  {
    name: "scale", number: 14, title: "From micro to macro", chapter: 10,
    blurb: "From 4,192 parameters to 405 billion on one scale, and the same prompt for every model that is here.",
    load: () => import("./scale.js"),
  },
  {
    name: "predict", number: 15, title: "Predict, then run", chapter: 9,
    blurb: "Commit to an answer; then the engine works it out, and its result is your grade.",
    load: () => import("./predict.js"),
  },
  {
    name: "conversation", number: 16, title: "A conversation in tokens", chapter: 13,
    blurb: "Who speaks, what is trained on and what is only read, and how likely a model finds every token. Edit it, or attack it.",
    load: () => import("./conversation.js"),
  },
  {
    name: "lanes", number: 17, title: "Four lanes", chapter: 16,
    blurb: "Base, SFT, preference-tuned and RL-tuned, one prompt and seed: where they part, and what one thinks of another's answer.",
    load: () => import("./lanes.js"),
  },
  {
    name: "tools", number: 18, title: "Tool calls", chapter: 18,
    blurb: "Watch an assistant call a tool token by token; stop before each call and approve, edit or deny it.",
    load: () => import("./tools.js"),
  },
  {
    name: "reward-gaming", number: 19, title: "Reward gaming", chapter: 14,
    blurb: "Proxy and gold of real PPO runs as the policy moves away; set the leash, start a short run, read what it writes.",
    load: () => import("./reward-gaming.js"),
  },
  {
    name: "scaling", number: 20, title: "Scaling laws", chapter: 12,
    blurb: "Train a few sizes, put a law through their losses, and write down what the next one will reach before it runs.",
    load: () => import("./scaling.js"),
  },
];
