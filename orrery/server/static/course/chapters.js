// The chapters that there are, in their order. `question`: what a reader can answer afterwards.
export const chapters = [
  {
    number: 0, title: "Why it matters, and the five-step loop", minutes: 12,
    question: "What happens, over and over, while a model learns?",
    load: () => import("./00-loop.js"),
  },
  {
    number: 1, title: "Numbers: vectors and dot products", minutes: 20,
    question: "What is done to numbers inside a model, and what does a dot product say?",
    load: () => import("./01-numbers.js"),
  },
  {
    number: 2, title: "The slope", minutes: 15,
    question: "How can one tell which way to turn a number, and whether it is worth it, without trying?",
    load: () => import("./02-slope.js"),
  },
  {
    number: 3, title: "Gradient descent", minutes: 18,
    question: "How does knowing the slope make a model better, and what makes it fly apart?",
    load: () => import("./03-descent.js"),
  },
  {
    number: 4, title: "The autograd engine and its six building blocks", minutes: 18,
    question: "How does a program find out how much each of its numbers matters to what it computed?",
    load: () => import("./04-autograd.js"),
  },
  {
    number: 5, title: "From characters to vectors", minutes: 20,
    question: "How does a text become numbers that can be added, multiplied and learnt?",
    load: () => import("./05-vectors.js"),
  },
  {
    number: 6, title: "Attention", minutes: 25,
    question: "How does a token find, among all that stands before it, what it needs?",
    load: () => import("./06-attention.js"),
  },
  {
    number: 7, title: "The full model, and its 4,192 parameters", minutes: 25,
    question: "What is a language model, all of it, and where are its parameters?",
    load: () => import("./07-model.js"),
  },
  {
    number: 8, title: "Training, and loss as surprise", minutes: 30,
    question: "What exactly does training lower, where does it begin, and where must it end?",
    load: () => import("./08-surprise.js"),
  },
  {
    number: 9, title: "Generation and temperature", minutes: 30,
    question: "How does a list of probabilities become a text, and who decides?",
    load: () => import("./09-generation.js"),
  },
  {
    number: 10, title: "From micro to macro", minutes: 25,
    question: "What separates 4,192 parameters from 405 billion, and what does not?",
    load: () => import("./10-scale.js"),
  },
  {
    number: 11, title: "Byte-pair encoding, and why models cannot spell", minutes: 25,
    question: "Which pieces is text cut into, who chose them, and what does a model never see because of it?",
    load: () => import("./11-bpe.js"),
  },
  {
    number: 12, title: "Pretraining and scaling laws", minutes: 30,
    question: "What does a model learn by reading, how far can its loss fall, and can one know beforehand?",
    load: () => import("./12-pretraining.js"),
  },
  {
    number: 13, title: "Supervised fine-tuning", minutes: 25,
    question: "How does a model that goes on with documents become one that takes its turn?",
    load: () => import("./13-sft.js"),
  },
  {
    number: 14, title: "Reward models, PPO, and gaming the reward", minutes: 25,
    question: "How does a model learn what people like, and what happens when it learns that too well?",
    load: () => import("./14-reward.js"),
  },
  {
    number: 15, title: "DPO", minutes: 18,
    question: "Can preferences be learnt from without a reward model and without sampling?",
    load: () => import("./15-dpo.js"),
  },
  {
    number: 16, title: "Reinforcement learning with verifiable rewards", minutes: 22,
    question: "What can a model find out by itself when right answers can be checked?",
    load: () => import("./16-grpo.js"),
  },
  {
    number: 17, title: "Tokens to think, and self-consistency", minutes: 18,
    question: "Why is an answer in steps better than one at once, and many better than one?",
    load: () => import("./17-think.js"),
  },
  {
    number: 18, title: "Tools and ReAct", minutes: 18,
    question: "How does a model that only writes text use a calculator, and search for what it does not know?",
    load: () => import("./18-tools.js"),
  },
  {
    number: 19, title: "Knowledge, working memory and hallucination", minutes: 25,
    question: "What does a model know, what can it only read, and why does it make things up?",
    load: () => import("./19-knowledge.js"),
  },
  {
    number: 20, title: "The language model as an operating system", minutes: 20,
    question: "What is arranged around a model so that it can be used, and what of it is memory, device or disk?",
    load: () => import("./20-system.js"),
  },
  {
    number: "A", title: "Numbers as programs", minutes: 10,
    question: "What is the difference between knowing a list and knowing the rule behind it?",
    load: () => import("./a-programs.js"),
  },
  {
    number: "B", title: "Software 1.0, 2.0 and 3.0", minutes: 10,
    question: "One task as rules, as weights and as a prompt: who writes each of them, and who finds its faults?",
    load: () => import("./b-software.js"),
  },
];
