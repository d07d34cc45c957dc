// The chosen network: its values, its genome and commands, its graph, and a strip of its layers.

/** Stored bits of a precision by its name, such as "4-bit"; ternary as the field counts it. */
function bitsOf(precision) {
  return { binary: 1, ternary: 2, float: 32 }[precision] ?? parseInt(precision, 10);
}

/** The darker, the more bits; readable in both themes. */
function chip(precision) {
  const bits = bitsOf(precision), depth = Math.min(1, Math.log2(bits + (precision === "ternary" ? -0.4 : 0)) / 4);
  const isDark = document.documentElement.dataset.theme === "dark";
  const light = isDark ? 26 + 42 * depth : 93 - 52 * depth;
  const ink = isDark ? (light > 52 ? "#10161a" : "#f2f6f8") : (light > 62 ? "#10161a" : "#ffffff");
  return { fill: `hsl(203 ${isDark ? 45 : 62}% ${light}%)`, ink };
}

function drawCard() {
  const card = byId("card"), id = state.selected, row = rowOf.get(id);
  if (id === null || id === undefined) {
    card.replaceChildren(make("p", { class: "empty" }, `No evaluated ${data.noun} satisfies the constraints.`));
    return;
  }
  const command = (verb, options = "") => copyable(`evonas ${verb} ${data.path} --pick ${id}${options}`, `command to ${verb}`, true);
  const head = make("h3", {}, `${data.noun[0].toUpperCase()}${data.noun.slice(1)} ${id}${id === data.knee ? " ◆ the knee" : ""}`);
  if (row === undefined) {
    card.replaceChildren(head, values(pointValues(id)), make("p", { class: "note" },
      "Evaluated, but never on the front: this shows it."), command("show"));
    return;
  }
  const texts = Object.fromEntries(names.map((name) => [name, [networks.texts[name][row], networks.values[name][row]]]));
  const tested = data.tested[networks.genome[row]];
  const isPick = networks.isFinal[row];
  const chosen = parameterNames.flatMap((name) => [make("dt", {}, name), make("dd", {}, choiceText(parameters[name][row]))]);
  card.replaceChildren(...[head, values(texts),
    ...(chosen.length ? [make("h3", {}, "Parameters"), make("dl", {}, ...chosen)] : []),
    tested ? make("p", {}, `Trained from scratch, test ${data.reached}: `, make("b", {}, tested)) : null,
    make("h3", {}, "Genome"), copyable(networks.genome[row], "genome"),
    make("h3", {}, isPick && !data.isTable ? "Train, export, show" : "Show"),
    ...(isPick && !data.isTable ? [command("train"), command("export", " --format onnx")] : []), command("show"),
    isPick ? null : make("p", { class: "note" }, "No longer on the front at the end of the run.")].filter(Boolean));
}

function values(texts) {
  return make("dl", {}, ...Object.entries(texts).flatMap(([name, [text, exact]]) => [
    make("dt", {}, measures[name].title), make("dd", { title: String(exact) }, text)]));
}

function pointValues(id) {
  for (const points of Object.values(data.points)) {
    const at = points.id.indexOf(id);
    if (at >= 0) return Object.fromEntries(names.filter((name) => name in points).map((name) => [name, [String(points[name][at]), points[name][at]]]));
  }
  return {};
}

function drawNetwork() {
  const found = data.drawings[state.selected];
  byId("network-title").textContent = state.selected === null ? "The chosen network" : `Network ${state.selected}, layer by layer`;
  byId("network").hidden = !found;
  byId("no-network").hidden = Boolean(found);
  byId("no-network").textContent = Object.keys(data.drawings).length
    ? `The layers of network ${state.selected} are not on this page; this shows them: evonas show ${data.path} --pick ${state.selected}`
    : "This run does not hold the layers of its networks. evonas report adds them where the run's search space can be opened.";
  if (!found) return;
  drawGraph(found);
  drawStrip(found);
}

function drawGraph(found) {
  const [width, depth] = found.size, box = 34, margin = 4;
  const svg = make("svg", { width: width + 2 * margin, height: depth + margin, role: "img", "aria-label": `graph of ${found.layer.length} layers` });
  const group = make("g", { transform: `translate(${margin} ${margin})` });
  for (const [x1, y1, x2, y2] of found.lines) {
    group.append(make("path", { d: `M${x1},${y1 + box / 2}V${y1 + box}C${x1},${y2 - 2} ${x2},${y1 + box + 2} ${x2},${y2}V${y2 + box / 2}` }));
  }
  found.box.forEach(([x, y, wide], layer) => {
    const hasWeights = found.weights[layer] > 0;
    const colours = hasWeights ? chip(found.weight[layer]) : null;
    const text = (dy, words, bold) => make("text", { x, y: y + dy, style: (colours ? `fill:${colours.ink};` : "") + (bold ? "font-weight:600" : "") }, words);
    group.append(make("g", {},
      make("title", {}, `${found.layer[layer]}: ${found.operation[layer]}, output ${found.shape[layer]}` + (hasWeights ? `, ${found.bytes[layer]} bytes` : "")),
      make("rect", { x: x - wide / 2, y, width: wide, height: box, rx: 5, style: colours ? `fill:${colours.fill}` : "" }),
      text(14, found.operation[layer], hasWeights),
      text(27, hasWeights ? `${found.weight[layer]} · act ${found.act[layer]}` : found.shape[layer])));
  });
  svg.append(group);
  byId("graph").replaceChildren(svg);
}

/** What bytes are stored for, by column. */
const STORED = { weights: "weight_bytes", scales: "scale_bytes", norms: "norm_bytes", thresholds: "threshold_bytes", biases: "bias_bytes" };

/** A row a layer that stores something: width, bits and bytes; of the input, what standardises it. */
function drawStrip(found) {
  const layers = found.layer.map((_, layer) => layer).filter((layer) => found.bytes[layer] > 0);
  const channels = (layer) => Number(found.shape[layer].split("×")[0]);
  const most = (value) => Math.max(...layers.map(value), 1);
  const bar = (value, top, name) => make("span", { class: "barbox", "aria-hidden": "true" },
    make("span", { class: "bar", style: `width:${(100 * value) / top}%;background:var(--${name})` }));
  const chipCell = (precision) => {
    if (!precision) return make("td", {});
    const { fill, ink } = chip(precision);
    return make("td", {}, make("span", { class: "chip", style: `background:${fill};color:${ink}`, title: `${bitsOf(precision)} bits stored` }, precision));
  };
  const kinds = Object.keys(STORED).filter((kind) => layers.some((layer) => found[STORED[kind]][layer] > 0));
  const [widest, heaviest] = [most(channels), most((layer) => found.bytes[layer])];
  const sum = (column) => layers.reduce((total, layer) => total + column[layer], 0).toLocaleString("en");
  byId("strip").replaceChildren(
    make("thead", {}, make("tr", {}, ...["layer", "operation", "width", "weights", "activations", "bytes", ...kinds.map((kind) => `of ${kind}`), "BitOPs"].map((name, at) =>
      make("th", { scope: "col", class: at < 2 ? "text" : null }, name)))),
    make("tbody", {}, ...layers.map((layer) => make("tr", {},
      make("td", { title: found.layer[layer] }, found.layer[layer]), make("td", { class: "text" }, found.operation[layer]),
      make("td", {}, String(channels(layer)), bar(channels(layer), widest, "cloud")),
      chipCell(found.weight[layer]), chipCell(found.act[layer]),
      make("td", {}, found.bytes[layer].toLocaleString("en"), bar(found.bytes[layer], heaviest, "front")),
      ...kinds.map((kind) => make("td", {}, (found[STORED[kind]][layer] || "").toLocaleString("en"))),
      make("td", {}, found.bitops[layer].toLocaleString("en"))))),
    make("tfoot", {}, make("tr", {}, make("td", {}, "all"), ...["", "", "", ""].map(() => make("td")),
      make("td", {}, sum(found.bytes), bar(0, 1, "page")), ...kinds.map((kind) => make("td", {}, sum(found[STORED[kind]]))),
      make("td", {}, sum(found.bitops)))));
}
