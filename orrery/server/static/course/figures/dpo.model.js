// DPO's loss of one pair in the margin h, the difference of the log-ratios of the chosen and the rejected completion.

/** {value, slope}: the loss, and its derivative by h; `tokens`: of each completion, which only ipo counts. */
export function dpoLoss(margin, beta, loss = "sigmoid", tokens = 20) {
  if (loss === "ipo") {
    const off = margin / tokens - 1 / (2 * beta);
    return { value: off * off, slope: (2 * off) / tokens };
  }
  const z = beta * margin;
  return { value: Math.max(0, -z) + Math.log1p(Math.exp(-Math.abs(z))), slope: -beta / (1 + Math.exp(z)) };
}
