// Texts on the page whose contrast with what lies behind them is under 4.5:1 (WCAG AA).
const linear = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
const parse = (text) => {
  const [a, b, c, alpha = 1] = text.match(/[\d.]+/g).map(Number);
  return text.startsWith("color(srgb") ? [a * 255, b * 255, c * 255, alpha] : [a, b, c, alpha];
};
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const background = (element) => {
  const layers = [];
  for (let e = element; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
  return layers.reduceRight((below, top) => over(top, below), [255, 255, 255, 1]);
};
const opacity = (element) => {
  let product = 1;
  for (let e = element; e; e = e.parentElement) product *= Number(getComputedStyle(e).opacity);
  return product;
};
const contrast = (element) => {
  const behind = background(element);
  const colour = parse(getComputedStyle(element).color);
  colour[3] *= opacity(element);
  const [low, high] = [luminance(over(colour, behind)), luminance(behind)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};
const found = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const [text, element] = [walker.currentNode.textContent.trim(), walker.currentNode.parentElement];
  if (text && element.getClientRects().length && opacity(element) > 0 && contrast(element) < 4.5)
    found.add(`${text.slice(0, 30)}: ${contrast(element).toFixed(2)}`);
}
return [...found];
